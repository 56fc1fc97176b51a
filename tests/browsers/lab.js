// What `lab.py` does inside a JupyterLab page, through the application object
// that a site with `exposeAppInBrowser` shows. The file is one expression: the
// verbs by name.

(() => {
  // Milliseconds for any one thing to happen: two kernels that start at once in WebKit take most of
  // a minute on two processors that do nothing else.
  const PATIENCE = 300_000;

  /** Settle like a promise, or reject with what was waited for. */
  function within(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`Gave up after ${PATIENCE / 1000} s waiting for ${what}.`)),
        PATIENCE,
      );
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  /** Wait until a condition holds, where nothing announces that it does. */
  function until(condition, what) {
    let over = false;
    const look = async () => {
      while (!over && !condition()) await new Promise(next => setTimeout(next, 50));
    };
    return within(look(), what).finally(() => {
      over = true;
    });
  }

  const panels = new Map();
  const runs = new Map();

  async function lab() {
    await until(() => window.jupyterapp, 'JupyterLab to load');
    await within(window.jupyterapp.restored, 'JupyterLab to show its workspace');
    return window.jupyterapp;
  }

  function panelOf(id) {
    const panel = panels.get(id);
    if (!panel || panel.isDisposed) throw new Error(`No notebook ${id} is open.`);
    return panel;
  }

  async function keep(opening, what) {
    const panel = await within(opening, what);
    if (!panel) throw new Error(`JupyterLab did not open ${what}.`);
    await within(panel.context.ready, what);
    panels.set(panel.id, panel);
    return panel;
  }

  function cellModel(panel, index) {
    const cell = panel.content.model.cells.get(index);
    if (!cell) throw new Error(`No cell ${index} in ${panel.context.path}.`);
    return cell;
  }

  /** Make this notebook, and this cell of it, the one that commands act on. */
  async function select(panel, index) {
    const app = await lab();
    // A cell that finishes meanwhile takes its own notebook back to the front: insist.
    const inFront = () => {
      if (app.shell.currentWidget === panel) return true;
      app.shell.activateById(panel.id);
      return false;
    };
    await until(inFront, `${panel.context.path} to come to the front`);
    panel.content.deselectAll();
    panel.content.activeCellIndex = index;
  }

  /**
   * Run a cell as Shift+Enter does, as early as JupyterLab can take it: once the
   * session is made, which is long before its kernel has started. A run asked for
   * earlier is dropped, or starts a second kernel.
   */
  async function run(panel, index) {
    const context = panel.sessionContext;
    await context.ready;
    const statusBefore = context.kernelDisplayStatus;
    // Named here, for another notebook may have come to the front by now.
    const target = { semanticWidget: panel.id, activate: false };
    panel.content.activeCellIndex = index;
    await window.jupyterapp.commands.execute('notebook:run-cell', target);
    return { statusBefore };
  }

  async function start(panel, index) {
    await select(panel, index);
    const key = `${panel.id} ${index}`;
    const running = within(run(panel, index), `cell ${index} of ${panel.context.path} to finish`);
    running.catch(() => {}); // whoever asks for the result is told
    runs.set(key, running);
  }

  async function result(panel, index) {
    const how = await runs.get(`${panel.id} ${index}`);
    const model = cellModel(panel, index);
    return { ...how, executionCount: model.executionCount, outputs: model.outputs.toJSON() };
  }

  const verbs = {
    async ready() {
      await lab();
    },

    async newNotebook() {
      const app = await lab();
      const opening = app.commands.execute('notebook:create-new', { kernelName: 'python' });
      return (await keep(opening, 'a new notebook')).id;
    },

    async openNotebook(path) {
      const app = await lab();
      const opening = app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
      return (await keep(opening, path)).id;
    },

    async path(id) {
      return panelOf(id).context.path;
    },

    async kernelStatus(id) {
      return panelOf(id).sessionContext.kernelDisplayStatus;
    },

    async cells(id) {
      return panelOf(id).content.model.sharedModel.cells.map(cell => ({
        type: cell.cell_type,
        source: cell.getSource(),
        outputs: cell.cell_type === 'code' ? cell.getOutputs() : [],
        executionCount: cell.cell_type === 'code' ? cell.execution_count : null,
      }));
    },

    /** Put code into the last cell if it is empty, or into a new one. */
    async append(id, source) {
      const shared = panelOf(id).content.model.sharedModel;
      const last = shared.cells.length - 1;
      if (last >= 0 && shared.cells[last].cell_type === 'code' && !shared.cells[last].getSource()) {
        shared.cells[last].setSource(source);
        return last;
      }
      shared.insertCell(last + 1, { cell_type: 'code', source });
      return last + 1;
    },

    async start(id, index) {
      await start(panelOf(id), index);
    },

    async result(id, index) {
      return result(panelOf(id), index);
    },

    /** Open a notebook and run code in it with no pause for the driver in between. */
    async runAtOnce(source) {
      const app = await lab();
      const opening = app.commands.execute('notebook:create-new', { kernelName: 'python' });
      const panel = await keep(opening, 'a new notebook');
      panel.content.model.sharedModel.cells[0].setSource(source);
      await start(panel, 0);
      return result(panel, 0);
    },

    async editFirstCell(id) {
      await within(panelOf(id).sessionContext.ready, 'the session');
      await select(panelOf(id), 0);
      await window.jupyterapp.commands.execute('notebook:enter-edit-mode');
      await until(
        () => document.activeElement?.closest('.jp-Notebook .cm-content'),
        'the cursor to be in the cell',
      );
    },

    async waitForExecution(id, index) {
      const model = cellModel(panelOf(id), index);
      await until(
        () => model.executionCount !== null && model.executionState === 'idle',
        `cell ${index} to finish`,
      );
      return { statusBefore: '', executionCount: model.executionCount, outputs: model.outputs.toJSON() };
    },

    async restartKernel(id) {
      const context = panelOf(id).sessionContext;
      await within(context.restartKernel(), 'the kernel to restart');
    },

    /** Save it and close its tab, without a question. */
    async close(id) {
      const panel = panelOf(id);
      await within(panel.context.save(), 'the notebook to be saved');
      panel.close();
      await until(() => panel.isDisposed, `${id} to close`);
    },

    /** Wait until so many kernels run. */
    async kernels(number) {
      const { kernels } = (await lab()).serviceManager;
      const run = async () => {
        await kernels.refreshRunning();
        return [...kernels.running()].length;
      };
      const look = async () => {
        while ((await run()) !== number) await new Promise(next => setTimeout(next, 50));
      };
      await within(look(), `${number} kernels to run`);
    },

    async save(id) {
      await within(panelOf(id).context.save(), 'the notebook to be saved');
    },
  };

  return verbs;
})()
