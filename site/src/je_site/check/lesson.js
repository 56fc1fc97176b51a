// What `lesson_browser.py` does inside JupyterLab, through the application object that a site
// shows to scripts of its page. The file is one expression: the verbs by name.

(() => {
  const pause = () => new Promise(next => setTimeout(next, 50));

  let panel = null;

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
      // Of a notebook of format 3, JupyterLab neither shows anything nor says why.
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`JupyterLab does not open ${path}.`)), 60_000);
      });
      const opening = commands.execute('docmanager:open', { path, factory: 'Notebook' });
      panel = await Promise.race([opening, late]);
      if (!panel) throw new Error(`JupyterLab cannot open ${path}.`);
      await Promise.race([panel.context.ready, late]);
      return panel.content.model.sharedModel.cells.map(cell => ({
        type: cell.cell_type,
        source: cell.getSource(),
        metadata: cell.getMetadata(),
        outputs: cell.cell_type === 'code' ? cell.getOutputs() : [],
      }));
    },

    /** Wait until the notebook has a kernel; return what JupyterLab asks instead, if it asks. */
    async kernel(milliseconds) {
      const until = Date.now() + milliseconds;
      await panel.sessionContext.ready;
      while (Date.now() < until) {
        const dialog = document.querySelector('.jp-Dialog-content');
        if (dialog) return dialog.textContent;
        if (panel.sessionContext.session?.kernel?.status === 'idle') return '';
        await pause();
      }
      return 'The kernel did not start.';
    },

    /** Run one cell; return what it left, and whether it has ended. */
    async run(index, answers, mostPrompts, milliseconds) {
      const began = performance.now();
      panel.content.deselectAll();
      panel.content.activeCellIndex = index;
      const asked = answering(panel.node, answers, mostPrompts);
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

    /** Close the notebook and end its kernel. */
    async close() {
      const context = panel.sessionContext;
      panel.context.model.dirty = false;
      await context.shutdown().catch(() => {});
      panel.dispose();
      panel = null;
    },
  };
})()
