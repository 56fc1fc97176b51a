// What browsers, JupyterLite and this project define, and TypeScript's libraries do not.

/** JupyterLab's application, where the site exposes it. */
declare var jupyterapp: any;

/** Defined by `lab_page/jupyterlab.js`. */
declare function whenJupyterLabStarts(callback: (app: any) => void): void;

/** The containers of module federation, by name. */
declare var _JUPYTERLAB: Record<string, any>;

/** Of plotly.js. */
declare var Plotly: any;
declare var PlotlyGeoAssets: any;
/** What plotly.js's file of maps defines. */
declare var moduleName: any;

/** Of `entry.mjs`, in a kernel's worker. */
declare var jeKernelEarly: any;
declare var jeKernelIsEarly: boolean;
/** What `doctor()` says of the memory snapshot. */
declare var jeKernelSnapshot: string;

interface Uint8Array {
  toBase64(): string;
  setFromBase64(text: string): { read: number; written: number };
}

interface Navigator {
  readonly connection?: { saveData: boolean };
}

/** Of workers. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** Of service workers. */
interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<any>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  readonly clientId: string;
  readonly resultingClientId: string;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorkerClient {
  readonly id: string;
  postMessage(message: any): void;
}
declare const clients: {
  matchAll(options?: { type: 'all' }): Promise<ServiceWorkerClient[]>;
};

declare namespace WebAssembly {
  /** JavaScript Promise Integration. */
  let Suspending: any;
  let promising: any;
}

/** Pyodide's own modules lie beside ours in a site, and nowhere here. */
declare module '*/pyodide.mjs' {
  export function loadPyodide(options: any): Promise<any>;
}
declare module '*/pyodide.asm.mjs' {
  const create: any;
  export default create;
}
