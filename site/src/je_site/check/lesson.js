// Runs lessons inside JupyterLab for `lesson_browser.py`, through the application object that a site
// exposes. The file is one expression: an object of functions.

(() => {
  // Milliseconds for a page or a kernel to be ready, on a slow machine.
  const PATIENCE = 300_000;

  const pause = () => new Promise(next => setTimeout(next, 50));

  let panel = null;

  /** Wait for a promise, or fail with what JupyterLab asks or says in a dialog. */
  async function unlessAsked(promise) {
    let over = false;
    const until = Date.now() + PATIENCE;
    const asked = async () => {
      while (!over) {
        if (Date.now() > until) throw new Error('JupyterLab does not answer.');
        const dialog = /** @type {HTMLElement} */ (document.querySelector('.jp-Dialog-content'));
        if (dialog) throw new Error(`JupyterLab says: ${dialog.innerText.replace(/\s+/g, ' ')}`);
        await pause();
      }
    };
    try {
      return await Promise.race([promise, asked()]);
    } finally {
      over = true;
    }
  }

  /** Answer what a running cell asks, as a student does: type, and press Enter. */
  function answering(node, answers, mostPrompts) {
    const prompts = [];
    let over = false;
    // A field that was answered stays in the page for half a second, hidden.
    const field = '.jp-OutputArea-stdin-item:not(.jp-OutputArea-stdin-hiding) .jp-Stdin-input';
    const look = async () => {
      while (!over) {
        const input = node.querySelector(field);
        if (input && prompts.length < mostPrompts) {
          const prompt = input.closest('.jp-Stdin')?.querySelector('.jp-Stdin-prompt');
          input.value = answers[prompts.length] ?? '1';
          prompts.push(prompt?.textContent ?? '');
          input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
        }
        // Nobody is here to choose files for Colab's `files.upload()`.
        node.querySelector('.je-kernel-upload button')?.click();
        await pause();
      }
    };
    look();
    return { prompts, stop: () => (over = true) };
  }

  return {
    async ready() {
      while (!window.jupyterapp) await pause();
      await window.jupyterapp.restored;
    },

    /** Open a notebook, and return its cells. */
    async open(path) {
      const { commands } = window.jupyterapp;
      const opening = commands.execute('docmanager:open', { path, factory: 'Notebook' });
      panel = await unlessAsked(opening);
      if (!panel) throw new Error(`JupyterLab cannot open ${path}.`);
      await unlessAsked(panel.context.ready);
      return panel.content.model.sharedModel.cells.map(cell => ({
        type: cell.cell_type,
        source: cell.getSource(),
        metadata: cell.getMetadata(),
        outputs: cell.cell_type === 'code' ? cell.getOutputs() : [],
      }));
    },

    /** Wait until the notebook has a kernel that is ready. */
    async kernel() {
      await unlessAsked(panel.sessionContext.ready);
      while (panel.sessionContext.session?.kernel?.status !== 'idle') await unlessAsked(pause());
    },

    /** Let the browser report what the page has asked for. */
    pause,

    /** End the kernel, and close the notebook without saving it. */
    async close() {
      await panel.sessionContext.shutdown();
      panel.context.model.dirty = false;
      panel.close();
      while (!panel.isDisposed) await unlessAsked(pause());
      panel = null;
    },

    /** Run one cell; return what it left, and whether it has ended. */
    async run(index, answers, mostPrompts, milliseconds) {
      const began = performance.now();
      panel.content.deselectAll();
      panel.content.activeCellIndex = index;
      const asked = answering(panel.content.widgets[index].node, answers, mostPrompts);
      const target = { semanticWidget: panel.id, activate: false };
      let timer;
      const late = new Promise(done => (timer = setTimeout(() => done('late'), milliseconds)));
      const running = window.jupyterapp.commands.execute('notebook:run-cell', target);
      const ended = (await Promise.race([running.catch(() => {}), late])) !== 'late';
      clearTimeout(timer);
      asked.stop();
      const model = panel.content.model.cells.get(index);
      return {
        ended,
        prompts: asked.prompts,
        seconds: (performance.now() - began) / 1000,
        outputs: model.outputs.toJSON(),
      };
    },
  };
})()
