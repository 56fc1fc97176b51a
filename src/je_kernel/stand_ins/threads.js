/**
 * Starts Python's cooperative threads on stacks of their own, and makes the promises they wait for.
 *
 * Both go through the queue of messages, not of microtasks: threads that only wake each other
 * must not keep timers and the page's messages waiting.
 */
export default ((collect) => {
  const { port1, port2 } = new MessageChannel();
  const posted = [];
  port1.onmessage = () => posted.shift()();

  function post(task) {
    posted.push(task);
    port2.postMessage(null);
  }

  // Garbage is collected between threads, while there are any.
  let collecting = null;
  function tidy() {
    if (collect()) return;
    clearInterval(collecting);
    collecting = null;
  }

  return {
    /** Call a Python function on a stack of its own, soon; it must not raise. */
    begin(run) {
      collecting ??= setInterval(tidy, 1000);
      post(() => run.callPromising().finally(() => {
        run.destroy();
        tidy();
      }));
    },

    /** Return what one thread waits with: its promise gives "woken", "late" or "stuck". */
    waiter(milliseconds) {
      let settle;
      let open = true;
      let timer;
      const promise = new Promise((resolve) => { settle = resolve; });
      const end = (outcome) => {
        if (!open) return false;
        open = false;
        clearTimeout(timer);
        post(() => settle(outcome));
        return true;
      };
      if (milliseconds >= 0) timer = setTimeout(end, milliseconds, "late");
      return { promise, end };
    },
  };
})
