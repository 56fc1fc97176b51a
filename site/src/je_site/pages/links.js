// Put first into the head of JupyterLite's own pages, where it leads links of shared
// notebooks, and the front page where the site wants it, to our page; and sees to it that
// JupyterLab shows what its address asks for. A classic script, because it must run before
// the page goes on to load JupyterLite. `whenJupyterLabStarts` is of `lab_page/jupyterlab.js`, which runs before it.

(script => {
  const root = new URL('../../../', script.src);
  const asked = new URLSearchParams(location.search);

  if (asked.has('notebook') || 'front' in script.dataset) {
    window.stop(); // or JupyterLite's own redirect would overtake ours
    const page = new URL('je/index.html', root);
    page.search = location.search;
    location.replace(page);
    return;
  }

  // JupyterLab opens the files of `?path=` while it puts back those that were open before, and
  // on a slow machine the layout of before comes last and drops them: show them after it.
  const paths = asked.getAll('path');
  if (paths.length === 0 || !location.href.startsWith(new URL('lab/', root).href)) return;
  whenJupyterLabStarts(app => {
    // Coded twice, as JupyterLite reads them.
    const open = path => app.commands.execute('docmanager:open', { path: decodeURIComponent(path) });
    app.restored.then(() => paths.reduce((before, path) => before.then(() => open(path)), Promise.resolve()));
  });
})(/** @type {HTMLScriptElement} */ (document.currentScript));
