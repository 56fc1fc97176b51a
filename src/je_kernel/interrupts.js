// Interrupts running Python when the Stop button is pressed.
//
// Python, as Pyodide builds it, reads a buffer of one number every so many of its steps. Here the
// buffer is an object that, a few times a second, fetches the address of a blob, which the page
// revokes when Stop is pressed. The worker's name is the list of these addresses: see
// `lab_page/stop_button.js` in je-kernel's site.

export default ((pyodide, interruptWaiting) => {
  const SIGINT = 2;
  const BETWEEN = 250; // milliseconds between two requests
  const SHARE = 200; // and times as long as the last one took,
  const LONGEST = 800; // but no longer than this
  // How many steps Python takes between two looks at the buffer: many where they are quick, one
  // where each takes long. 400 steps of a loop with little in it take 15 microseconds, and those
  // of one that multiplies large matrices some minutes.
  const STEPS = 400;
  const SLOW = 5; // milliseconds between two looks

  const { name } = /** @type {{ name?: string }} */ (globalThis);
  const addresses = name?.startsWith('blob:') ? name.split(' ') : [];
  const { _module: module } = pyodide;
  const clock = module.__Py_emscripten_signal_clock / 4; // where Python counts its steps
  const channel = new BroadcastChannel('je-kernel-interrupts');
  let seen = 0; // how many of them are known to be shut
  let running = null; // the request whose cell runs
  let early = null; // the one that was stopped before it did
  let asked = false;
  let steps = 1;
  let last = 0;
  let next = 0;

  /** Return whether the page has shut the next address. */
  function isShut() {
    if (seen >= addresses.length) return false;
    const begin = performance.now();
    const request = new XMLHttpRequest();
    let shut = false;
    try {
      request.open('GET', addresses[seen], false);
      request.send();
    } catch {
      shut = true;
    }
    const end = performance.now();
    next = end + Math.min(Math.max(BETWEEN, SHARE * (end - begin)), LONGEST);
    return shut;
  }

  function isAsked() {
    if (!asked && isShut()) {
      seen += 1;
      asked = true;
    }
    const answer = asked;
    asked = false;
    return answer;
  }

  /** Look at the next step, and then less and less often. */
  function lookSoon() {
    last = performance.now();
    steps = 1;
    if (clock) module.HEAP32[clock] = 0;
  }

  const buffer = {
    get 0() {
      const now = performance.now();
      steps = now - last > SLOW ? 1 : Math.min(2 * steps, STEPS);
      last = now;
      if (clock) module.HEAP32[clock] = steps;
      return (asked || now >= next) && isAsked() ? SIGINT : 0;
    },
    set 0(_) {},
  };

  channel.onmessage = ({ data: { address, cell, worker, more } }) => {
    if (more && worker === addresses[0]) addresses.push(...more);
    const place = addresses.indexOf(address);
    if (place < seen) return; // another worker's, or known
    seen = place + 1;
    if (running === cell) asked = !interruptWaiting();
    else early = cell;
  };

  return {
    /** Whether there is a page that tells of its Stop button. */
    isHeard: addresses.length > 0 && !isShut(),

    begin(client, cell) {
      channel.postMessage({ client, worker: addresses[0] });
      running = cell;
      asked = early === cell;
      lookSoon();
      pyodide.setInterruptBuffer(buffer);
    },

    end() {
      running = null;
      pyodide.setInterruptBuffer(undefined);
    },

    lookSoon,
    isAsked,

    close() {
      channel.close();
      pyodide.setInterruptBuffer(undefined);
    },
  };
})
