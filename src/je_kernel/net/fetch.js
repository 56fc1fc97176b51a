// Sends a request by fetch(), and copies the body of the response into Python's memory.
// The export is a function of Pyodide's module, and returns `download`.
//
// No promise of these is rejected: one that is rejected while Python holds it ends Pyodide 314
// in WebKit, and JupyterLite shows it under the cell even if Python catches it. Each resolves
// to [value], or to [undefined, name, message] of the error.

export default (module => {
  const BETWEEN = 100; // milliseconds from one wake-up of Python to the next
  const LEAST = 65_536, MOST = 4_000_000; // bytes at a time; browsers hold less than that ready

  // The browser gets a turn after each chunk: then the next one is larger, and fewer come.
  const turns = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => turns.shift()();
  const turn = () => new Promise(resolve => {
    turns.push(resolve);
    port2.postMessage(null);
  });

  /** Wait for a task. An interrupt ends the wait: Python itself looks for one only when it runs. */
  async function settled(task) {
    const signals = module.Py_EmscriptenSignalBuffer; // what setInterruptBuffer has set, if anything
    let timer;
    const interrupt = new Promise(resolve => {
      if (signals) {
        timer = setInterval(() => {
          if (signals[0] === 2) {
            signals[0] = 0;
            resolve([undefined, 'Interrupt', '']);
          }
        }, 50);
      }
    });
    const outcome = task().then(
      value => [value],
      error => [undefined, String(error.name), String(error.message)],
    );
    try {
      return await Promise.race([outcome, interrupt]);
    } finally {
      clearInterval(timer);
    }
  }

  /** Return a function that reads the next chunk, into one buffer where the browser can do that. */
  function chunksOf(stream, size) {
    let reader;
    try {
      reader = stream.getReader({ mode: 'byob' });
    } catch {
      const plain = stream.getReader();
      return () => plain.read();
    }
    let buffer = new ArrayBuffer(Math.max(LEAST, Math.min(size || MOST, MOST)));
    return async () => {
      const chunk = await reader.read(new Uint8Array(buffer));
      buffer = chunk.value?.buffer;
      return chunk;
    };
  }

  /**
   * Prepare a request.
   *
   * @param url the address
   * @param options the options of fetch()
   * @param timeout milliseconds of silence after which the request is aborted, or undefined
   */
  return function download(url, options, timeout) {
    const controller = new AbortController();
    let response, next, over = false;
    let copy, copySpace = 0;
    let held = [];

    /** Wait for a task no longer than the timeout. */
    async function inTime(task) {
      const timer = timeout === undefined ? undefined : setTimeout(() => controller.abort(), timeout);
      try {
        return await task();
      } finally {
        clearTimeout(timer);
      }
    }

    function dropCopy() {
      copy?.body?.cancel().catch(() => {});
      copy = undefined;
    }

    /** Read the next chunk: undefined at the end. Its buffer is used again for the one after it. */
    async function read() {
      if (!response.body) {
        over = true;
        return undefined;
      }
      next ??= chunksOf(response.body, Number(response.headers.get('content-length')));
      const { done, value } = await inTime(next);
      if (done) {
        over = true;
        return undefined;
      }
      copySpace -= value.byteLength;
      if (copySpace < 0) {
        dropCopy();
      }
      return value;
    }

    return {
      /** Send the request and wait for the response. */
      head: () => settled(async () => {
        response = await inTime(() => fetch(url, { ...options, signal: controller.signal }));
        return response;
      }),

      /** Wait for the next chunk. */
      chunk: () => settled(read),

      /**
       * Read chunks for a moment, or until there are enough bytes.
       *
       * @param space a Python buffer for the bytes, or undefined
       * @param enough bytes
       * @returns how many bytes lie in the buffer, how many more are held here, whether that is
       *   the end, and the name and the message of the error if the body broke off
       */
      fill: (space, enough) => settled(async () => {
        const until = performance.now() + BETWEEN;
        let placed = 0, added = 0, view;
        const result = (over, ...error) => [placed, added, over, ...error];
        try {
          do {
            const value = await read();
            if (value === undefined) {
              return result(true);
            }
            const size = value.byteLength;
            if (space && !view?.data.byteLength) {
              // The first chunk, or Python's memory has grown and lies elsewhere now.
              view?.release();
              view = space.getBuffer('u8');
            }
            if (view && !held.length && placed + size <= view.data.byteLength) {
              view.data.set(value, placed);
              placed += size;
            } else {
              held.push(value.slice());
              added += size;
            }
            await turn();
          } while (placed + added < enough && performance.now() < until);
          return result(false);
        } catch (error) {
          return result(true, String(error.name), String(error.message));
        } finally {
          view?.release();
        }
      }),

      /** Move the bytes that are held here into a Python buffer, which is large enough. */
      pour(space) {
        const view = space.getBuffer('u8');
        let at = 0;
        for (const part of held) {
          view.data.set(part, at);
          at += part.byteLength;
        }
        view.release();
        held = [];
      },

      /** The one chunk that is held here, if it is the only one. */
      get only() {
        return held.length === 1 ? held[0] : undefined;
      },

      /** Make a copy of the response before its body is read, unless the body has more bytes. */
      makeCopy(most) {
        copy = response.clone();
        copySpace = most;
      },

      /** The copy, its body not read yet. */
      get copy() {
        return copy;
      },

      /** Stop the request, unless all of the body has come. */
      abort() {
        if (!over) {
          controller.abort();
          dropCopy();
        }
      },
    };
  };
});
