// Makes the Stop button interrupt a kernel while it runs Python.
//
// While a worker runs Python it receives no messages from the page, but it can fetch the address
// of a blob, which succeeds until the page revokes the address. So each worker gets a list of such
// addresses as its name, and `interrupts.js` in the kernel fetches the first that is not known to
// be revoked. A worker that waits without blocking receives the news by the channel.

import { takeEarlyWorker } from './early_kernel.js';
import { whenJupyterLabStarts } from './jupyterlab.js';

const PRESSES = 100; // addresses that a worker has when it starts
const AGAIN = 5_000; // milliseconds in which a second press restarts the kernel
const { Worker } = globalThis;
const channel = new BroadcastChannel('je-kernel-interrupts');
const workers = new Map(); // by a worker's first address: its addresses that are not revoked
const workerOf = new Map(); // by the name of a client: the worker of its kernel
const connections = new Set();
const pressed = new Map(); // by kernel: when Stop was pressed for what it runs
const cells = new Map(); // by kernel: the request that it is busy with
const questions = new Map(); // by kernel: the header of the `input_request` to be answered

const newAddresses = () =>
  Array.from({ length: PRESSES }, () => URL.createObjectURL(new Blob()));

globalThis.Worker = class extends Worker {
  constructor(url, options) {
    const early = takeEarlyWorker(url);
    if (early) return early;
    const addresses = newAddresses();
    super(url, { name: addresses.join(' '), ...options });
    workers.set(addresses[0], addresses);
  }
};

channel.onmessage = ({ data: { client, worker } }) => {
  if (workers.has(worker)) workerOf.set(client, worker);
};

/** Interrupt the cell that a kernel runs. */
function interrupt(id) {
  const clients = [...connections].filter(connection => connection.id === id);
  for (const worker of new Set(clients.map(({ clientId }) => workerOf.get(clientId)))) {
    const addresses = workers.get(worker);
    if (!addresses?.length) continue;
    const address = addresses.shift();
    URL.revokeObjectURL(address);
    const more = addresses.length < PRESSES / 2 ? newAddresses() : [];
    addresses.push(...more);
    channel.postMessage({ address, cell: cells.get(id), worker, more });
  }
}

whenJupyterLabStarts(({ commands, serviceManager: { kernels }, shell }) => {
  const { connectTo } = kernels;

  /** Answer `input`: until then its worker receives no messages. */
  const answer = (connection, question) => {
    const [box] = [...shell.widgets('main')]
      .filter(({ sessionContext }) => sessionContext?.session?.kernel?.id === connection.id)
      .flatMap(({ node }) => node.querySelector('.jp-Stdin-input') ?? []);
    // By the box itself, so that JupyterLab removes it.
    if (box) box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    else connection.sendInputReply({ status: 'ok', value: '' }, question);
  };

  kernels.connectTo = function (...request) {
    const connection = connectTo.apply(this, request);
    connections.add(connection);
    connection.disposed.connect(() => connections.delete(connection));
    connection.statusChanged.connect(() => pressed.delete(connection.id));
    connection.anyMessage.connect((_, { msg: { header, parent_header, content } }) => {
      if (content.execution_state === 'busy') cells.set(connection.id, parent_header.msg_id);
      if (header.msg_type === 'input_request') questions.set(connection.id, header);
      if (header.msg_type === 'input_reply') questions.delete(connection.id);
    });
    const stock = connection.interrupt;
    connection.interrupt = async function () {
      const { id, status } = this;
      interrupt(id);
      const question = questions.get(id);
      if (question) answer(this, question);
      const now = performance.now();
      if (status === 'busy' && now - pressed.get(id) < AGAIN) {
        await commands.execute('kernelmenu:restart');
        return;
      }
      pressed.set(id, now);
      await stock.call(this);
    };
    return connection;
  };
});
