// The landing page: makes a new notebook, uploads one, or copies a shared one. It saves each as a
// file of JupyterLite's contents in this browser, and opens it in the site's application.

import { notebookAt, saveNew } from './contents_database.js';
import { digestOf, lastCopy, remember } from './shared_copies.js';
import { notebookName, shownName } from './file_names.js';
import { checked, notebookIn } from './notebook_file.js';
import { showOffline } from './offline.js';
import { UserError } from './user_error.js';
import { referenceOf, retrieve, spoken, titleOf } from './shared_notebooks.js';
import { addressOf, readSite, shippedFiles } from './site_config.js';

const element = id => document.getElementById(id);
const root = new URL('../', location.href.split(/[?#]/)[0]).href;
const apps = document.body.dataset.apps.split(' ').filter(Boolean);
const ready = readSite(root, apps);

// What the page says --------------------------------------------------------------------------

/** Make an element of text and other elements; nothing is ever taken for HTML. */
function made(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function say(kind, ...children) {
  element('messages').replaceChildren(made('div', { className: `message ${kind}` }, ...children));
}

function sayProblem(what, error) {
  if (!(error instanceof UserError)) console.error(error);
  const why = error instanceof UserError ? error.message : `Something went wrong: ${error?.message ?? error}.`;
  say('problem', made('p', {}, made('strong', {}, what), ' ', why));
}

/** Do one thing at a time, and say what went wrong with it. */
async function doing(what, failed, work) {
  /** @type {NodeListOf<HTMLButtonElement | HTMLInputElement>} */
  const controls = document.querySelectorAll('button, #reference');
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  for (const control of controls) control.disabled = true;
  say('busy', what);
  try {
    await work();
  } catch (error) {
    sayProblem(failed, error);
  } finally {
    for (const control of controls) control.disabled = false;
    if (document.activeElement === document.body) focused?.focus?.();
  }
}

// The three actions ---------------------------------------------------------------------------

/** The site, if a notebook can be handed over to its application. */
async function siteWithDatabase() {
  const site = await ready;
  if (!site.app) throw new UserError('This site has neither JupyterLab nor Notebook to open it with.');
  if (site.database === null) {
    throw new UserError(
      'This site keeps files only while its page is open, so they cannot be handed over to it. ' +
        'Open JupyterLab below, and drag the notebook into its list of files.',
    );
  }
  return site;
}

async function takenNames(site) {
  return new Set((await shippedFiles(site)).map(file => file.name));
}

async function save(site, name, notebook) {
  return saveNew(site.database, name, withKernel(notebook, site.kernel), await takenNames(site));
}

/** A notebook of Python that names no kernel gets the site's, so that nobody is asked for one. */
function withKernel(notebook, kernel) {
  const { kernelspec, language_info: language } = notebook.metadata;
  if (kernelspec || !['', 'python'].includes(language?.name ?? '')) return notebook;
  const named = { name: kernel, display_name: kernel === 'python' ? 'Python (Pyodide)' : kernel };
  return { ...notebook, metadata: { ...notebook.metadata, kernelspec: named } };
}

function emptyNotebook() {
  return checked({ nbformat: 4, cells: [{ cell_type: 'code', source: '' }] });
}

async function openNew() {
  await doing('Making a new notebook…', 'No notebook could be made.', async () => {
    const site = await siteWithDatabase();
    const name = await save(site, 'Untitled.ipynb', emptyNotebook());
    location.assign(addressOf(site, name));
  });
}

async function upload(files) {
  if (files.length === 0) return;
  const many = files.length > 1;
  const what = many ? `Reading ${files.length} files…` : `Reading ${files[0].name}…`;
  await doing(what, 'Nothing could be uploaded.', async () => {
    const site = await siteWithDatabase();
    const results = [];
    for (const file of files) results.push(await uploadOne(site, file));
    if (!many && !results[0].error) location.assign(addressOf(site, results[0].name));
    else if (!many) sayProblem(`${files[0].name} could not be opened.`, results[0].error);
    else sayResults(site, results);
  });
}

async function uploadOne(site, file) {
  try {
    const notebook = await notebookIn(file);
    return { file, name: await save(site, notebookName(file.name), notebook) };
  } catch (error) {
    return { file, error };
  }
}

function sayResults(site, results) {
  const lines = results.map(({ file, name, error }) => {
    if (!error) return made('li', {}, made('a', { href: addressOf(site, name) }, shownName(name)), ' is ready.');
    if (!(error instanceof UserError)) console.error(error);
    return made('li', {}, made('strong', {}, `${file.name} could not be opened.`), ` ${error.message}`);
  });
  say(results.some(result => result.error) ? 'problem' : '', made('ul', {}, ...lines));
}

async function openShared(text, at = null) {
  const reference = referenceOf(text);
  if (!reference) {
    const what = text.trim() ? `“${text.trim().slice(0, 80)}” names no shared notebook.` : 'Which notebook?';
    sayProblem(what, new UserError('Type the words of its link, such as calm brave quiet otter, or paste the link.'));
    element('reference').focus();
    return;
  }
  await doing(`Opening ${spoken(reference)}…`, 'It could not be opened.', async () => {
    const site = await siteWithDatabase();
    if (!site.service) throw new UserError('This site has no sharing service. Open the link in its own page and download the notebook there.');
    const shared = await retrieve(site.service, { ...reference, at: reference.at ?? at });
    await openCopy(site, shared, spoken(reference));
  });
}

/** Open a copy of a shared notebook: the one that is there already, if it is the same. */
async function openCopy(site, shared, words) {
  const notebook = checked(shared.content);
  const digest = digestOf(notebook);
  const copyNow = async () => {
    const title = titleOf(notebook).replace(/[/\\]/g, ' ');
    const path = await save(site, notebookName(title, notebookName(words).replace('.ipynb', '')), notebook);
    remember(shared.id, { database: site.database, path, digest });
    leaveFor(site, path);
  };
  const before = lastCopy(shared.id, site.database);
  const kept = before && (await notebookAt(site.database, before.path));
  const keptDigest = kept && digestOf(kept);
  if (keptDigest === digest) leaveFor(site, before.path);
  else if (!kept || keptDigest === before.digest) await copyNow();
  else askWhich(site, before.path, copyNow);
}

/** The page that only passed a link on is no place to come back to. */
function leaveFor(site, path) {
  if (location.search) location.replace(addressOf(site, path));
  else location.assign(addressOf(site, path));
}

function askWhich(site, path, copyNow) {
  const mine = made('button', { type: 'button', className: 'primary' }, 'Open my copy');
  const fresh = made('button', { type: 'button' }, 'Make a fresh copy');
  mine.addEventListener('click', () => leaveFor(site, path));
  fresh.addEventListener('click', () => doing('Making a copy…', 'No copy could be made.', copyNow));
  say(
    '',
    made('p', {}, 'You have a copy of this notebook already, and you changed it: ', made('strong', {}, shownName(path)), '.'),
    made('div', { className: 'choices' }, mine, fresh),
  );
  // Once what is being done is done, and the buttons work again.
  setTimeout(() => mine.focus());
}

// The page itself -----------------------------------------------------------------------------

function carriesFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes('Files');
}

function listenForDrops() {
  const drop = element('drop');
  let inside = 0; // each element that is crossed says enter and leave
  const show = change => {
    inside = Math.max(0, change);
    drop.hidden = inside === 0;
  };
  addEventListener('dragenter', event => carriesFiles(event) && show(inside + 1));
  addEventListener('dragleave', event => carriesFiles(event) && show(inside - 1));
  addEventListener('dragover', event => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', event => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(0);
    upload([...event.dataTransfer.files]);
  });
}

function listen() {
  element('new').addEventListener('click', openNew);
  element('choose').addEventListener('click', () => element('files').click());
  const input = /** @type {HTMLInputElement} */ (element('files'));
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = ''; // so that the same file can be chosen again
    upload(files);
  });
  const reference = /** @type {HTMLInputElement} */ (element('reference'));
  element('open').addEventListener('submit', event => {
    event.preventDefault();
    openShared(reference.value);
  });
  listenForDrops();
  // Whoever comes back finds the page as new.
  addEventListener('pageshow', event => event.persisted && element('messages').replaceChildren());
}

function shipsNotebook(file) {
  return file.type === 'notebook' && typeof file.path === 'string' && !file.name.startsWith('.');
}

/** The one to begin with first, the others as one counts and spells. */
function byName({ name: one }, { name: other }) {
  const first = name => Number(/^(start|welcome|read ?me|index|intro)/i.test(name));
  return first(other) - first(one) || one.localeCompare(other, undefined, { numeric: true });
}

async function show() {
  const site = await ready;
  element('shared').hidden = !site.service;
  element('actions').classList.toggle('two', !site.service);
  if (!site.app) return;
  /** @type {HTMLAnchorElement} */ (element('continue')).href = addressOf(site);
  const lessons = (await shippedFiles(site)).filter(shipsNotebook).sort(byName);
  const items = lessons.map(({ name, path }) =>
    made('li', {}, made('a', { href: addressOf(site, path) }, shownName(name))),
  );
  document.querySelector('#lessons ul').replaceChildren(...items);
  element('lessons').hidden = items.length === 0;
}

listen();
show();
showOffline(ready);
const query = new URLSearchParams(location.search);
if (query.has('notebook')) openShared(query.get('notebook'), query.get('at'));
