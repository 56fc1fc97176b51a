// A container (in the sense of module federation) in the place of a front end for
// one MIME type: it fetches that front end when the first output is to be shown.
(({ name, load, module, mimeType, maps }) => {
  const containers = (window._JUPYTERLAB ??= {});
  const base = document.currentScript.src;
  let scope;
  let fetched;
  let mapsFetched;

  const run = url =>
    new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${url} could not be fetched.`));
      document.head.append(script);
    });

  const fetchFactory = async () => {
    const ours = containers[name];
    await run(new URL(load, base));
    const theirs = containers[name];
    containers[name] = ours;
    await theirs.init(scope);
    const plugins = (await theirs.get(module))().default;
    return [plugins].flat()[0].rendererFactory;
  };

  const rendererFactory = async () => {
    const [lumino] = Object.values(scope['@lumino/widgets']);
    const { Panel } = (await lumino.get())();
    class DeferredRenderer extends Panel {
      constructor(options) {
        super();
        this.options = options;
      }
      async renderModel(model) {
        // What could not be fetched is tried again for the next output.
        fetched ??= fetchFactory().catch(error => {
          fetched = undefined;
          throw error;
        });
        const traces = model.data[mimeType].data ?? [];
        if (maps && traces.some(({ type }) => ['choropleth', 'scattergeo'].includes(type))) {
          // Without them, plotly.js asks its makers' server for the borders of countries.
          await (mapsFetched ??= run(new URL(maps, base)));
        }
        const factory = await fetched;
        if (this.widgets.length === 0) {
          this.addWidget(factory.createRenderer(this.options));
        }
        await this.widgets[0].renderModel(model);
      }
    }
    return {
      safe: true,
      mimeTypes: [mimeType],
      createRenderer: options => new DeferredRenderer(options),
    };
  };

  containers[name] = {
    init: async shared => {
      scope = shared;
    },
    get: async () => {
      const factory = await rendererFactory();
      const plugin = { id: `je-kernel:${name}`, rendererFactory: factory, rank: 2, dataType: 'json' };
      return () => ({ __esModule: true, default: [plugin] });
    },
  };
})(
  /* front end */
);
