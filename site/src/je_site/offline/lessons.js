// Shows a notice where a student's copy of a lesson hides a newer version. A script of the pages.
//
// JupyterLite copies a notebook of the site into the browser when it is changed, and opens that
// copy from then on, even if the site has a newer notebook.
//
// While there is no copy, the notebook's hash in the site's list of files is stored at each opening:
// that is the version from which a copy is made.

(script => {
  const ROOT = new URL('../../', script.src).href;
  const SEEN = `je-kernel-lessons ${ROOT}`;
  const EXTENSION = '.ipynb';

  const read = async path => {
    const response = await fetch(ROOT + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json();
  };

  let files;

  /** The site's files and their hashes, in the version that this page has. */
  const listed = () =>
    (files ??= read('je-kernel-site.json')
      .then(({ version }) => read(`static/je-kernel/site-${version}.json`))
      .then(list => list.files));

  const seen = () => JSON.parse(localStorage.getItem(SEEN) ?? '{}');
  const note = (path, hash) =>
    localStorage.setItem(SEEN, JSON.stringify({ ...seen(), [path]: hash }));

  /** Tell whether the browser has a copy of a notebook of the site. */
  const isCopied = async (app, path) => {
    const { storage } = app.serviceManager.contents.defaultDrive;
    return (await (await storage).getItem(path)) !== null;
  };

  /** Check the notebook that is shown. */
  const check = async (app, path) => {
    notice?.remove();
    if (!path?.endsWith(EXTENSION)) return;
    const [hash] = (await listed())[`files/${path}`] ?? [];
    if (!hash) return;
    const before = Object.hasOwn(seen(), path) ? seen()[path] : null;
    if (before === null || !(await isCopied(app, path))) note(path, hash);
    else if (before !== hash && pathOf(app) === path) show(app, path, hash);
  };

  const pathOf = app => app.shell.currentWidget?.context?.path;

  // What it says ------------------------------------------------------------------------------

  const CARD =
    'position:fixed;right:1rem;bottom:2.5rem;z-index:1000;max-width:23rem;padding:.8rem 1rem;' +
    'border:1px solid var(--jp-border-color1,#bbb);border-radius:.5rem;' +
    'box-shadow:0 2px 10px #0003;background:var(--jp-layout-color1,#fff);color:var(--jp-ui-font-color1,#222);' +
    'font:13px/1.45 var(--jp-ui-font-family,system-ui)';
  const BUTTON =
    'font:inherit;margin:.6em .6em 0 0;padding:.3em .7em;border-radius:.3rem;cursor:pointer;' +
    'color:inherit;border:1px solid var(--jp-border-color1,#bbb);' +
    'background:var(--jp-layout-color2,#eee)';
  let notice;

  const made = (tag, style, ...children) => {
    const node = document.createElement(tag);
    node.style.cssText = style;
    node.append(...children);
    return node;
  };

  const show = (app, path, hash) => {
    notice?.remove();
    const name = path.slice(path.lastIndexOf('/') + 1, -EXTENSION.length);
    const button = (label, work) => {
      const node = made('button', BUTTON, label);
      node.addEventListener('click', async () => {
        try {
          await work();
          note(path, hash);
          notice.remove();
        } catch (error) {
          text.textContent = `The new version could not be opened: ${error.message}`;
        }
      });
      return node;
    };
    const text = made(
      'div',
      '',
      `“${name}” was corrected on this site after you began your copy. Your copy stays as it is.`,
    );
    notice = made(
      'div',
      CARD,
      text,
      button('Open the new version', () => openNew(app, path)),
      button('Keep mine', () => {}),
    );
    notice.id = 'je-kernel-corrected';
    notice.setAttribute('role', 'status');
    document.body.append(notice);
  };

  /** Save the site's notebook beside the student's copy, under a name that is free, and open it. */
  const openNew = async (app, path) => {
    const content = await read(`files/${path.split('/').map(encodeURIComponent).join('/')}`);
    const { contents } = app.serviceManager;
    const isFree = name => contents.get(name, { content: false }).then(() => false, () => true);
    const stem = path.slice(0, -EXTENSION.length);
    const named = number => `${stem} (new${number > 1 ? ` ${number}` : ''})${EXTENSION}`;
    let number = 1;
    while (!(await isFree(named(number)))) number++;
    const name = named(number);
    await contents.save(name, { type: 'notebook', format: 'json', content });
    await app.commands.execute('docmanager:open', { path: name });
  };

  whenJupyterLabStarts(app => {
    const look = () =>
      check(app, pathOf(app)).catch(({ message }) => console.info(`je-kernel: ${message}`));
    app.shell.currentChanged?.connect(look);
    app.restored.then(look);
  });
})(/** @type {HTMLScriptElement} */ (document.currentScript));
