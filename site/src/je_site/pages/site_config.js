// Reads the configuration of this site, as JupyterLite does.

const KERNEL = '@jupyterlite/pyodide-kernel-extension:kernel';
const CONFIG_ID = 'jupyter-config-data';
// JupyterLite's names of storage drivers. No browser has WebSQL any more.
const DATABASE_DRIVER = 'asyncStorage';
const GONE_DRIVER = 'webSQLStorage';

/** Return the text of an address, or null if there is nothing. */
async function textOf(url) {
  const response = await fetch(url);
  return response.ok ? response.text() : null;
}

/** Read one of a folder's configuration files; empty if it cannot be read. */
async function configIn(url, read) {
  try {
    const text = await textOf(url);
    return (text && read(text)) || {};
  } catch {
    return {};
  }
}

// Not parsed as a page: its inline styles would violate this page's content policy.
const IN_PAGE = new RegExp(`<script\\s[^>]*\\bid="${CONFIG_ID}"[^>]*>(.*?)</script>`, 'is');

function configInPage(text) {
  return JSON.parse(IN_PAGE.exec(text)[1]);
}

/** Resolve addresses, which are relative to the folder of the file. */
function resolved(config, folder) {
  const path = new URL(folder).pathname;
  const whole = value =>
    typeof value === 'string' && value.startsWith('./') ? path + value.slice(2) : value;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, key.endsWith('Url') ? whole(value) : value]),
  );
}

/** Return the configurations of a folder, in ascending precedence. */
async function configsOf(folder) {
  const configs = await Promise.all([
    configIn(`${folder}jupyter-lite.ipynb`, text => JSON.parse(text).metadata['jupyter-lite'][CONFIG_ID]),
    configIn(`${folder}jupyter-lite.json`, text => JSON.parse(text)[CONFIG_ID]),
    configIn(`${folder}index.html`, configInPage),
  ]);
  return configs.map(config => resolved(config, folder));
}

/** Merge configurations: plugins setting by setting, other keys as a whole. */
function merged(configs) {
  const all = {};
  for (const config of configs) {
    const plugins = { ...all.litePluginSettings };
    for (const [plugin, settings] of Object.entries(config.litePluginSettings ?? {})) {
      plugins[plugin] = { ...plugins[plugin], ...settings };
    }
    Object.assign(all, config, { litePluginSettings: plugins });
  }
  return all;
}

/** Return the application that opens notebooks: the site's default one, if it can. */
function applicationOf(appUrl, there) {
  const named = String(appUrl ?? '').replace(/(?<!\/)\/+$/, '').split('/').pop();
  const wanted = ['tree', 'notebooks', 'edit'].includes(named) ? 'notebooks' : 'lab';
  return there.includes(wanted) ? wanted : (there.find(app => ['lab', 'notebooks'].includes(app)) ?? null);
}

/** Return an option that is JSON or a text of JSON. */
function jsonOption(value) {
  return typeof value === 'string' ? JSON.parse(value) : value;
}

/** Tell whether the site keeps files in a database. */
function keepsDatabase(drivers) {
  const named = [].concat(jsonOption(drivers) ?? []).filter(name => name !== GONE_DRIVER);
  return named.length === 0 || named[0] === DATABASE_DRIVER;
}

/** Return the address of the sharing service, as the kernel reads it; null for none. */
function serviceIn(config) {
  const env = config.litePluginSettings[KERNEL]?.loadPyodideOptions?.env ?? {};
  const url = String(env.JE_KERNEL_SHARING_URL ?? '').trim();
  return /^https?:\/\/[^/]/i.test(url) ? url.replace(/(?<!\/)\/+$/, '').replace(/\/api\/v1$/, '') : null;
}

/**
 * Read the configuration of a site.
 *
 * `root` is the site's address with a slash at its end, `there` the applications it has.
 */
export async function readSite(root, there) {
  const ofRoot = await configsOf(root);
  const app = applicationOf(merged(ofRoot).appUrl, there);
  const config = merged(app ? [...ofRoot, ...(await configsOf(`${root}${app}/`))] : ofRoot);
  const baseUrl = config.baseUrl ?? new URL(root).pathname;
  return {
    root,
    app,
    database: keepsDatabase(config.contentsStorageDrivers)
      ? config.contentsStorageName || `JupyterLite Storage - ${baseUrl}`
      : null,
    kernel: config.defaultKernelName ?? 'python',
    service: serviceIn(config),
    // The address at which JupyterLite registers it; another would be another service worker.
    worker: `${root}service-worker.js?enableCache=${config.enableServiceWorkerCache || 'false'}`,
  };
}

/** Return the address at which the application opens a file; by default its last layout. */
export function addressOf(site, path = null) {
  const address = new URL(`${site.app}/index.html`, site.root);
  if (path !== null) address.searchParams.set('path', path);
  return address.href;
}

/** Return the entries of the top folder of the site's contents. */
export async function shippedFiles(site) {
  try {
    const listing = JSON.parse(await textOf(`${site.root}api/contents/all.json`));
    return listing.content.filter(item => typeof item?.name === 'string');
  } catch {
    return []; // a site without contents has no such list
  }
}
