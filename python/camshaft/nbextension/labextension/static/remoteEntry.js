// Clusters in JupyterLab (a side panel) and Notebook 7 (a tab beside the files; on other pages a side panel).
//
// This is the container of a federated module, written by hand, so that nothing has to be built: JupyterLab calls `init`
// with the modules that it shares, then `get`. The list of clusters itself comes from our server extension.
(function () {
  "use strict";

  const NAME = "camshaft";
  const ICON =
    "<svg xmlns='http://www.w3.org/2000/svg' width='16' viewBox='0 0 24 24'><g class='jp-icon3' fill='#616161'>" +
    "<circle cx='12' cy='5' r='3'/><circle cx='5' cy='18' r='3'/><circle cx='12' cy='18' r='3'/>" +
    "<circle cx='19' cy='18' r='3'/><path d='M11.3 5h1.4v13h-1.4zM11.4 7.2l1.2.7-7 10.5-1.2-.8zM12.6 7.2l-1.2.7 7 " +
    "10.5 1.2-.8z'/></g></svg>";
  let shared = {};

  // A module that JupyterLab shares; {} when this version, or this page, has none of that name.
  async function sharedModule(name) {
    const versions = Object.values(shared[name] || {});
    const chosen = versions.find((version) => version.loaded) || versions[0];
    return chosen ? (await chosen.get())() : {};
  }

  function loadScript(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error("The server extension is not enabled: jupyter server extension enable camshaft"));
      document.head.append(script);
    });
  }

  function loadStyle(url) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    document.head.append(link);
  }

  // Puts code where the user works: at the prompt of a console, or in a new cell above the current one.
  function insertCode(app, modules, notebooks, consoles, code) {
    const at = app.shell.currentWidget;
    const console_ = consoles && consoles.currentWidget;
    if (console_ && (console_ === at || !notebooks || !notebooks.currentWidget)) {
      const cell = console_.console.promptCell;
      if (cell) cell.model.sharedModel.setSource(code);
      return Boolean(cell);
    }
    const panel = notebooks && notebooks.currentWidget;
    if (!panel || !panel.content.model) return false;
    const empty = panel.content.activeCell && panel.content.activeCell.model.sharedModel.getSource().trim() === "";
    if (!empty) modules.notebook.NotebookActions.insertAbove(panel.content);
    panel.content.activeCell.model.sharedModel.setSource(code);
    return true;
  }

  function makePanel(modules, baseUrl, options) {
    class ClustersPanel extends modules.widgets.Widget {
      constructor() {
        super();
        this.id = "camshaft-clusters";
        this.addClass("camshaft-panel");
        this.node.style.overflow = "auto";
        this.title.icon = new modules.ui.LabIcon({ name: "camshaft:clusters", svgstr: ICON });
        this.title.caption = "Clusters";
        loadStyle(`${baseUrl}ipyparallel/static/clusters.css`);
        loadScript(`${baseUrl}ipyparallel/static/clusters.js`).then(
          () => (this.list = window.camshaftClusters.mount(this.node, options)),
          (failure) => (this.node.textContent = failure.message),
        );
      }

      onAfterShow() {
        if (this.list) this.list.shown();
      }

      dispose() {
        if (this.list) this.list.close();
        super.dispose();
      }
    }
    return new ClustersPanel();
  }

  async function makePlugin() {
    const names = {
      application: "@jupyterlab/application",
      apputils: "@jupyterlab/apputils",
      console: "@jupyterlab/console",
      coreutils: "@jupyterlab/coreutils",
      notebook: "@jupyterlab/notebook",
      tree: "@jupyter-notebook/tree",
      ui: "@jupyterlab/ui-components",
      widgets: "@lumino/widgets",
    };
    const found = await Promise.all(Object.values(names).map(sharedModule));
    const modules = Object.fromEntries(Object.keys(names).map((key, place) => [key, found[place]]));
    const tokens = {
      tree: modules.tree.INotebookTree,
      notebooks: modules.notebook.INotebookTracker,
      consoles: modules.console.IConsoleTracker,
      palette: modules.apputils.ICommandPalette,
      restorer: modules.application.ILayoutRestorer,
    };
    const there = Object.keys(tokens).filter((key) => tokens[key]);

    function activate(app, ...given) {
      const services = Object.fromEntries(there.map((key, place) => [key, given[place]]));
      const { tree, notebooks, consoles, palette, restorer } = services;
      const baseUrl = modules.coreutils.PageConfig.getBaseUrl();
      const panel = makePanel(modules, baseUrl, {
        baseUrl,
        token: modules.coreutils.PageConfig.getToken(),
        insertCode: (code) => insertCode(app, modules, notebooks, consoles, code),
      });
      if (tree) {
        panel.title.label = "Clusters";
        tree.addWidget(panel);
        tree.tabBar.addTab(panel.title);
        if (window.location.hash === "#ipyclusters") tree.currentWidget = panel;
      } else {
        app.shell.add(panel, "left", { rank: 200 });
        if (restorer) restorer.add(panel, panel.id);
      }
      const command = "camshaft:show-clusters";
      app.commands.addCommand(command, {
        label: "Show Clusters",
        caption: "Start, scale and stop clusters of engines",
        execute: () => {
          if (tree) tree.currentWidget = panel;
          else app.shell.activateById(panel.id);
        },
      });
      if (palette) palette.addItem({ command, category: "IPython Parallel" });
    }

    return {
      id: `${NAME}:clusters`,
      description: "Clusters of engines: start, scale, stop.",
      autoStart: true,
      optional: there.map((key) => tokens[key]),
      activate,
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`${NAME} has no module ${module}`);
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
