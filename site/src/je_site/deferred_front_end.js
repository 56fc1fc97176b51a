// Fetches a large front end when the first output needs it, and not when the page loads. JupyterLab
// loads this container (of module federation) in place of the front end.
(({ name, version, load, module, mimeType, maps }) => {
  const containers = (window._JUPYTERLAB ??= {});
  const { src: base } = /** @type {HTMLScriptElement} */ (document.currentScript);
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

  /** Return a module that JupyterLab shares with its extensions. */
  const shared = async id => {
    const [one] = Object.values(scope[id]);
    return (await one.get())();
  };

  const fetchPlugin = async () => {
    const ours = containers[name];
    await run(new URL(load, base));
    const theirs = containers[name];
    containers[name] = ours;
    await theirs.init(scope);
    return [(await theirs.get(module))().default].flat()[0];
  };

  /** Return the front end's own plugin. What could not be fetched is tried again next time. */
  const plugin = () =>
    (fetched ??= fetchPlugin().catch(error => {
      fetched = undefined;
      throw error;
    }));

  /** Give the borders of countries the name that plotly.js looks for; their file has another. */
  const nameMaps = plotly => {
    window.PlotlyGeoAssets = window.moduleName;
    window.Plotly = plotly;
  };

  const fetchMaps = async () => {
    const { Plotly } = window;
    await run(new URL(maps, base));
    nameMaps(Plotly);
  };

  /** Fetch them without waiting, for a figure that is a widget: no renderer here sees it. */
  const fetchMapsAtOnce = () => {
    const url = new URL(maps, base);
    const request = new XMLHttpRequest();
    request.open('GET', url, false);
    request.send();
    if (request.status !== 200) throw new Error(`${url} could not be fetched.`);
    const { Plotly } = window;
    const script = document.createElement('script');
    script.text = request.responseText;
    document.head.append(script);
    nameMaps(Plotly);
    return window.PlotlyGeoAssets.topojson;
  };

  if (maps) {
    // Without them, plotly.js asks its makers' server for the borders of countries.
    window.PlotlyGeoAssets = {
      get topojson() {
        return fetchMapsAtOnce();
      },
    };
  }

  /** A renderer that becomes the front end's when it renders. */
  const deferredRenderer = async () => {
    const { Panel } = await shared('@lumino/widgets');
    class DeferredRenderer extends Panel {
      constructor(options) {
        super();
        this.options = options;
      }
      async renderModel(model) {
        const traces = model.data[mimeType].data ?? [];
        if (maps && traces.some(({ type }) => ['choropleth', 'scattergeo'].includes(type))) {
          await (mapsFetched ??= fetchMaps());
        }
        const { rendererFactory } = await plugin();
        if (this.widgets.length === 0) {
          this.addWidget(rendererFactory.createRenderer(this.options));
        }
        await this.widgets[0].renderModel(model);
      }
    }
    const rendererFactory = {
      safe: true,
      mimeTypes: [mimeType],
      createRenderer: options => new DeferredRenderer(options),
    };
    return { id: `je-kernel:${name}`, rendererFactory, rank: 2, dataType: 'json' };
  };

  /** A plugin that registers the front end's widgets, and activates it when one is made. */
  const deferredWidgets = async () => {
    const { IJupyterWidgetRegistry } = await shared('@jupyter-widgets/base');
    const activate = (app, registry) => {
      const exports = async () => {
        const { requires = [], optional = [], activate } = await plugin();
        /** @type {any} */
        let registered;
        const ours = { registerWidget: data => (registered = data.exports) };
        const services = [
          ...requires.map(token =>
            token === IJupyterWidgetRegistry ? ours : app.resolveRequiredService(token),
          ),
          ...optional.map(token => app.resolveOptionalService(token)),
        ];
        await activate(app, ...(await Promise.all(services)));
        return typeof registered === 'function' ? registered() : registered;
      };
      registry.registerWidget({ name, version, exports });
    };
    return { id: `je-kernel:${name}`, requires: [IJupyterWidgetRegistry], autoStart: true, activate };
  };

  containers[name] = {
    init: async given => {
      scope = given;
    },
    get: async () => {
      const deferred = await (mimeType ? deferredRenderer() : deferredWidgets());
      return () => ({ __esModule: true, default: [deferred] });
    },
  };
})(
  /* front end */
);
