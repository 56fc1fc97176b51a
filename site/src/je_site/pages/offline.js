// Shows on the landing page whether the site works without a network, with a button that makes the
// service worker cache the whole site.

import { megabytes } from './sizes.js';

const element = id => document.getElementById(id);
const button = /** @type {HTMLButtonElement} */ (element('keep'));

/** Wait until the service worker of the site controls this page. */
async function controlled(site) {
  const { serviceWorker } = navigator;
  if (serviceWorker.controller) return;
  const controls = new Promise(resolve =>
    serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
  );
  const registration = await serviceWorker.getRegistration(site.root);
  if (!registration) await serviceWorker.register(site.worker);
  if (!serviceWorker.controller) await controls;
}

/** Ask what is kept, and by POST to keep more of it. */
async function state(site, method) {
  const response = await fetch(`${site.root}api/je-kernel/offline`, { method });
  return response.json();
}

function show({ kept, all, python }) {
  const isWhole = kept.files === all.files;
  const words = isWhole
    ? [`All of this site is on this device (${megabytes(all.bytes)}), and works without a network.`]
    : [
        'What you have used before works without a network, too.',
        `${megabytes(kept.bytes)} of this site are on this device, of ${megabytes(all.bytes)} with all packages.`,
      ];
  if (python !== 'here') words.push('Python comes from another site, though: without a network, notebooks open and do not run.');
  element('offline-state').textContent = words.join(' ');
  Object.assign(element('offline-progress'), { max: all.bytes, value: kept.bytes });
  button.hidden = isWhole;
  element('offline').hidden = false;
  return isWhole;
}

async function keepAll(site) {
  const progress = element('offline-progress');
  button.disabled = true;
  progress.hidden = false;
  element('offline-problem').textContent = '';
  // So that the browser does not clear it away when it needs room.
  await navigator.storage?.persist?.().catch(() => false);
  try {
    for (;;) {
      const now = await state(site, 'POST');
      if (show(now)) break;
      if (now.full) throw new Error('This browser has no room for all of it. Free some space on this device, and try again.');
      if (!now.reached) throw new Error('The site does not answer. Try again with a network: it goes on from here.');
    }
  } catch (error) {
    element('offline-problem').textContent = error.message;
  }
  button.disabled = false;
  progress.hidden = true;
}

/** Show it, where the site can be kept: not in some private windows, nor where it is switched off. */
export async function showOffline(ready) {
  if (!navigator.serviceWorker || !document.querySelector('[data-je-kernel="offline"]')) return;
  try {
    const site = await ready;
    await controlled(site);
    const now = await state(site, 'GET');
    if (!now.version) return;
    show(now);
    button.addEventListener('click', () => keepAll(site));
  } catch (error) {
    console.info(`je-kernel: this browser keeps no site: ${error.message}`);
  }
}
