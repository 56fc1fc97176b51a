// Put first into the head of JupyterLite's own pages: leads links of shared notebooks,
// and the front page where the site wants it, to our page. A classic script, because it
// must run before the page goes on to load JupyterLite.

(script => {
  const isLink = new URLSearchParams(location.search).has('notebook');
  if (!isLink && !('front' in script.dataset)) return;
  window.stop(); // or JupyterLite's own redirect would overtake ours
  const page = new URL('../../../je/index.html', script.src);
  page.search = location.search;
  location.replace(page);
})(document.currentScript);
