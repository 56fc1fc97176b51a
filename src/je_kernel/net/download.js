// The body of a response, on its way into Python's memory.
//
// Python is woken a few times a second and not for every chunk, of which there are thousands.
// What has no place in its memory yet is held here.

export default (() => {
  const BETWEEN = 100; // milliseconds
  const LEAST = 65_536, MOST = 4_000_000; // bytes at a time; browsers hold less than that ready

  // After each chunk the browser has its turn: then the next one is larger, and fewer come.
  const turns = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => turns.shift()();
  const turn = () => new Promise(resolve => {
    turns.push(resolve);
    port2.postMessage(null);
  });

  /** Read chunks of a stream into one buffer, again and again, where its browser can do that. */
  function chunksOf(stream, size) {
    let reader;
    try {
      reader = stream.getReader({ mode: 'byob' });
    } catch {
      const plain = stream.getReader();
      return () => plain.read();
    }
    let buffer = new ArrayBuffer(Math.max(LEAST, Math.min(size ?? MOST, MOST)));
    return async () => {
      const chunk = await reader.read(new Uint8Array(buffer));
      buffer = chunk.value?.buffer;
      return chunk;
    };
  }

  return (stream, size, abort, patience) => {
    const next = chunksOf(stream, size);
    let held = [];

    /** Wait for a chunk, no longer than may pass without one. */
    async function chunk() {
      const timer = patience === undefined ? undefined : setTimeout(abort, patience);
      try {
        return await next();
      } finally {
        clearTimeout(timer);
      }
    }

    return {
      /**
       * Fetch for a moment, or until so many bytes have come: nothing is rejected.
       *
       * @param room a Python buffer for what comes, or undefined
       * @returns how many bytes were put there, how many are held in addition, whether that
       *   was the end, and the name and the text of the error if it broke off
       */
      async fetch(room, enough) {
        const until = performance.now() + BETWEEN;
        let placed = 0, added = 0, view;
        const told = (over, ...error) => [placed, added, over, ...error];
        try {
          do {
            const { done, value } = await chunk();
            if (done) {
              return told(true);
            }
            const size = value.byteLength;
            if (room && !view?.data.byteLength) {
              // Not seen before, or Python's memory has grown and lies elsewhere now.
              view?.release();
              view = room.getBuffer('u8');
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
          return told(false);
        } catch (error) {
          return told(true, String(error.name), String(error.message));
        } finally {
          view?.release();
        }
      },

      /** Put what is held into a Python buffer, which has room for it. */
      pour(room) {
        const view = room.getBuffer('u8');
        let at = 0;
        for (const part of held) {
          view.data.set(part, at);
          at += part.byteLength;
        }
        view.release();
        held = [];
      },

      /** What is held, if that is a single chunk: nothing else has come, so it is the body. */
      get only() {
        return held.length === 1 ? held[0] : undefined;
      },
    };
  };
})()
