// The list of clusters, for a page, a tab or a side panel: camshaftClusters.mount(element, options).
//
// options.baseUrl: the server's base URL, with a slash at its end
// options.insertCode(code): puts code into the notebook that is open, and says whether there was one; without it, or
//   where there is none, the code is copied
// options.token: for servers that want one in a header
//
// Whatever comes from the server is set as text, never as HTML.
(function (root) {
  "use strict";

  const CALM = 3000; // ms between two looks while nothing changes
  const BUSY = 500; // ms while something starts or stops
  const SLOWEST = 60000; // ms, after failures
  const LOG_LINES = 200;

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name === "text") made.textContent = value;
      else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function button(text, what, title, action) {
    return element("button", { type: "button", class: `cs-button cs-${what}`, title, text, onclick: action });
  }

  function count(number, noun) {
    return `${number} ${noun}${number === 1 ? "" : "s"}`;
  }

  // The text changes only if it must: a selection in it stays.
  function setText(target, text) {
    if (target.textContent !== text) target.textContent = text;
  }

  function cookie(name) {
    const found = document.cookie.match(`(?:^|; )${name}=([^;]*)`);
    return found ? found[1] : "";
  }

  class Server {
    constructor(baseUrl, token) {
      this.url = `${baseUrl}ipyparallel/clusters`;
      this.token = token;
    }

    // The answer to a request; an Error with one readable line if it is not a success.
    async ask(method, path, body) {
      const headers = { "X-XSRFToken": cookie("_xsrf") };
      if (this.token) headers.Authorization = `token ${this.token}`;
      if (body !== undefined) headers["Content-Type"] = "application/json";
      let response;
      try {
        response = await fetch(this.url + path, {
          method,
          headers,
          body: body === undefined ? undefined : JSON.stringify(body),
          credentials: "same-origin",
          cache: "no-store",
        });
      } catch {
        throw new Error("The Jupyter server does not answer.");
      }
      if (response.status === 204) return null;
      const answer = await response.json().catch(() => null);
      if (response.ok && answer !== null) return answer;
      if (answer && answer.message) throw new Error(answer.message);
      if (response.status === 404) {
        throw new Error("The server extension is not enabled: jupyter server extension enable camshaft");
      }
      throw new Error(`The server answers ${response.status} ${response.statusText}`.trim());
    }
  }

  // What happened, in its first line; the rest (the end of a log, as a rule) on demand.
  class Failure {
    constructor() {
      this.line = element("span");
      this.rest = element("pre", { class: "cs-log" });
      this.more = element("details", {}, element("summary", { text: "more" }), this.rest);
      this.element = element("div", { class: "cs-failure", role: "alert", hidden: true }, this.line, this.more);
    }

    show(text) {
      const [line, ...rest] = (text || "").trim().split("\n");
      setText(this.line, line);
      setText(this.rest, rest.join("\n"));
      this.more.hidden = rest.length === 0;
      this.element.hidden = !line;
    }
  }

  // The end of a log, kept up to date while it is open.
  class Log {
    constructor(server) {
      this.server = server;
      this.names = element("select", { class: "cs-input", "aria-label": "which log", onchange: () => this.load() });
      this.text = element("pre", { class: "cs-log", tabindex: "0" });
      this.element = element("div", { class: "cs-logs", hidden: true }, this.names, this.text);
      this.key = "";
    }

    toggle(key) {
      this.key = key;
      this.element.hidden = !this.element.hidden;
      if (!this.element.hidden) this.load();
      return !this.element.hidden;
    }

    async load() {
      if (this.element.hidden) return;
      const name = encodeURIComponent(this.names.value);
      const where = `/${encodeURIComponent(this.key)}/logs`;
      let told;
      try {
        told = await this.server.ask("GET", `${where}?lines=${LOG_LINES}&name=${name}`);
      } catch (failure) {
        if (!this.names.value) return setText(this.text, failure.message);
        this.names.replaceChildren(); // the process of that log is gone: look what there is
        told = await this.server.ask("GET", `${where}?lines=${LOG_LINES}`).catch(() => null);
        if (told === null) return setText(this.text, failure.message);
      }
      const known = [...this.names.options].map((option) => option.value);
      if (known.join("\n") !== told.names.join("\n")) {
        this.names.replaceChildren(...told.names.map((each) => element("option", { value: each, text: each })));
      }
      this.names.value = told.name;
      this.names.hidden = told.names.length === 0;
      const followed = this.text.scrollTop + this.text.clientHeight >= this.text.scrollHeight - 4;
      setText(this.text, told.text || (told.names.length ? "(empty so far)" : "There are no logs: nothing runs."));
      if (followed) this.text.scrollTop = this.text.scrollHeight;
    }
  }

  // One cluster. Its nodes stay while it is listed, so that nobody's typing is lost.
  class Row {
    constructor(list, model) {
      this.list = list;
      this.server = list.server;
      this.name = element("span", { class: "cs-name" });
      this.id = element("span", { class: "cs-id" });
      this.state = element("span", { class: "cs-state", role: "status" });
      this.n = element("input", { class: "cs-input cs-n", type: "number", min: "1", "aria-label": "engines" });
      this.n.addEventListener("input", () => (this.typed = true));
      this.n.addEventListener("keydown", (event) => event.key === "Enter" && this.enter());
      this.startButton = button("Start", "start", "start a controller and this many engines", () => this.start());
      this.stopButton = button("Stop", "stop", "stop engines and controller", () => this.stop());
      this.scaleButton = button("Scale", "scale", "start or stop engines until there are so many", () => this.scale());
      this.codeButton = button("Code", "code", "the code that connects a client", () => this.code());
      this.logButton = button("Log", "logs-toggle", "the end of the logs", () => this.log());
      this.removeButton = button("Remove", "remove", "take it off the list", () => this.stop());
      this.failure = new Failure();
      this.logs = new Log(this.server);
      this.element = element(
        "li",
        { class: "cs-row" },
        element("div", { class: "cs-what" }, element("span", { class: "cs-dot" }), this.name, this.id, this.state),
        element(
          "div",
          { class: "cs-actions" },
          element("label", { class: "cs-engines" }, "engines ", this.n),
          this.scaleButton,
          this.startButton,
          this.stopButton,
          this.codeButton,
          this.logButton,
          this.removeButton,
        ),
        this.failure.element,
        this.logs.element,
      );
      this.update(model);
    }

    update(model) {
      this.model = model;
      const { state, engines, cluster } = model;
      this.element.dataset.key = model.id;
      this.element.dataset.state = model.error && state === "stopped" ? "failed" : state;
      setText(this.name, cluster.profile);
      setText(this.id, cluster.cluster_id);
      const far = engines.ready < engines.wanted ? `${engines.ready} of ${engines.wanted}` : `${engines.n}`;
      const text = {
        stopped: model.error ? "failed" : "stopped",
        starting: engines.wanted ? `starting, ${engines.ready} of ${count(engines.wanted, "engine")}` : "starting",
        running: `running, ${engines.ready < engines.wanted ? far + " engines" : count(engines.n, "engine")}`,
        scaling: `scaling, ${engines.n} now`,
        stopping: "stopping",
      }[state];
      setText(this.state, text || state);
      if (!this.typed && document.activeElement !== this.n) {
        this.n.value = state === "running" ? String(engines.n) : cluster.n ? String(cluster.n) : "";
      }
      this.n.placeholder = "auto";
      const stopped = state === "stopped";
      this.n.disabled = !stopped && state !== "running";
      this.startButton.hidden = !stopped;
      this.scaleButton.hidden = state !== "running";
      this.stopButton.hidden = stopped;
      this.stopButton.disabled = state === "stopping";
      this.codeButton.hidden = state !== "running";
      this.logButton.hidden = stopped && this.logs.element.hidden;
      this.removeButton.hidden = !stopped || cluster.cluster_id === "";
      this.failure.show(model.error || this.refused || "");
      if (!stopped && state !== "stopping") this.logs.load(); // what was last seen stays
    }

    enter() {
      if (!this.startButton.hidden) this.start();
      else if (!this.scaleButton.hidden) this.scale();
    }

    // The number of engines; undefined, and a line for the user, if what is typed is none.
    wanted(optional) {
      const text = this.n.value.trim();
      if (text === "" && optional && this.n.validity.valid) return null;
      if (/^\d+$/.test(text) && Number(text) >= 1) return Number(text);
      this.refused = "Invalid number of engines: give 1 or more.";
      this.update(this.model);
      return undefined;
    }

    start() {
      const n = this.wanted(true);
      if (n !== undefined) this.ask("POST", { n }, "starting");
    }

    scale() {
      const n = this.wanted(false);
      if (n !== undefined) this.ask("PATCH", { n }, "scaling");
    }

    stop() {
      this.ask("DELETE", undefined, "stopping");
    }

    async ask(method, body, meanwhile) {
      this.refused = "";
      this.typed = false;
      this.n.blur();
      this.update({ ...this.model, state: meanwhile, error: "" });
      const asked = this.server.ask(method, `/${encodeURIComponent(this.model.id)}`, body);
      this.list.lookSoon();
      try {
        await asked;
      } catch (failure) {
        this.refused = failure.message;
      }
      await this.list.load();
    }

    async code() {
      const file = JSON.stringify(this.model.cluster_file);
      const code = `import camshaft as ipp\n\ncluster = ipp.Cluster.from_file(${file})\nrc = cluster.connect_client_sync()\nrc`;
      const { insertCode } = this.list.options;
      let done = insertCode && insertCode(code) ? "Inserted" : "";
      if (!done) {
        try {
          await navigator.clipboard.writeText(code);
          done = "Copied";
        } catch {
          window.prompt("Run this in a notebook:", code);
          return;
        }
      }
      this.codeButton.textContent = done;
      window.setTimeout(() => (this.codeButton.textContent = "Code"), 1500);
    }

    log() {
      const open = this.logs.toggle(this.model.id);
      this.logButton.setAttribute("aria-expanded", String(open));
      if (!open) this.update(this.model);
    }
  }

  class NewCluster {
    constructor(list) {
      this.list = list;
      const field = (label, attributes) => {
        const input = element("input", { class: "cs-input", ...attributes });
        return [input, element("label", {}, label, input)];
      };
      const known = `cs-profiles-${Math.random().toString(36).slice(2)}`;
      this.profiles = element("datalist", { id: known });
      const [profile, profileLabel] = field("Profile", { placeholder: "default", list: known, name: "profile" });
      const [id, idLabel] = field("Cluster id", { placeholder: "auto", name: "cluster_id" });
      const [n, nLabel] = field("Engines", { placeholder: "auto", type: "number", min: "1", name: "n" });
      const [launcher, launcherLabel] = field("Engines run", { placeholder: "local", name: "engines" });
      launcher.title = "the name of a launcher: local, mpi, ssh, slurm, …";
      Object.assign(this, { profile, id, n, launcher, failure: new Failure() });
      this.element = element(
        "form",
        { class: "cs-form", hidden: true, onsubmit: (event) => this.submit(event) },
        profileLabel,
        idLabel,
        nLabel,
        launcherLabel,
        this.profiles,
        element(
          "div",
          { class: "cs-actions" },
          element("button", { class: "cs-button cs-start", type: "submit", text: "Create and start" }),
          button("Cancel", "cancel", "", () => this.toggle(false)),
        ),
        this.failure.element,
      );
    }

    toggle(open = this.element.hidden) {
      this.element.hidden = !open;
      this.failure.show("");
      if (open) {
        const names = [...new Set(this.list.models.map((model) => model.cluster.profile))];
        this.profiles.replaceChildren(...names.map((value) => element("option", { value })));
        this.profile.focus();
      }
    }

    async submit(event) {
      event.preventDefault();
      const asked = {
        profile: this.profile.value.trim() || "default",
        cluster_id: this.id.value.trim(),
        n: this.n.value ? Number(this.n.value) : null,
        engines: this.launcher.value.trim(),
      };
      try {
        // The cluster of a profile that is listed, but was never started, is the one of id ''.
        const usual = this.list.models.some((model) => model.id === `${asked.profile}:`);
        if (!asked.cluster_id && usual) delete asked.cluster_id;
        const made = await this.list.server.ask("POST", "", asked);
        this.element.reset();
        this.toggle(false);
        await this.list.load();
        const row = this.list.rows.get(made.id);
        if (row) row.start();
      } catch (failure) {
        this.failure.show(failure.message);
      }
    }
  }

  class ClusterList {
    constructor(target, options) {
      this.options = options;
      this.server = new Server(options.baseUrl, options.token);
      this.rows = new Map();
      this.models = [];
      this.pause = CALM;
      this.form = new NewCluster(this);
      this.failure = new Failure();
      this.list = element("ul", { class: "cs-list" });
      this.empty = element("p", { class: "cs-hint", text: "Looking for clusters …" });
      this.element = element(
        "section",
        { class: "camshaft-clusters", "aria-label": "Clusters" },
        element(
          "div",
          { class: "cs-toolbar" },
          element("span", { class: "cs-title", text: "IPython clusters" }),
          button("↻", "refresh", "look again", () => this.load()),
          button("New", "new", "another cluster, also of another profile", () => this.form.toggle()),
        ),
        this.form.element,
        this.failure.element,
        this.empty,
        this.list,
      );
      target.append(this.element);
      this.onVisible = () => this.visible() && this.load();
      document.addEventListener("visibilitychange", this.onVisible);
      this.load();
    }

    visible() {
      return !document.hidden && this.element.getClientRects().length > 0;
    }

    // Whoever opens the tab or panel sees what is, not what was.
    shown() {
      this.load();
    }

    async load() {
      this.schedule(SLOWEST); // in case that no answer comes
      const number = (this.number = (this.number || 0) + 1);
      try {
        const models = await this.server.ask("GET", "");
        if (number !== this.number) return; // a later one has been asked for
        this.models = models;
        this.failure.show("");
        this.show(models);
        this.pause = models.some((model) => !["stopped", "running"].includes(model.state)) ? BUSY : CALM;
      } catch (failure) {
        if (number !== this.number) return;
        this.failure.show(failure.message);
        this.empty.hidden = true;
        this.pause = Math.min(SLOWEST, 2 * Math.max(this.pause, CALM));
      }
      this.schedule(this.pause);
    }

    lookSoon() {
      this.schedule(BUSY);
    }

    schedule(pause) {
      window.clearTimeout(this.timer);
      if (this.closed) return;
      this.timer = window.setTimeout(() => (this.visible() ? this.load() : this.schedule(CALM)), pause);
    }

    show(models) {
      const keys = new Set(models.map((model) => model.id));
      for (const [key, row] of this.rows) {
        if (keys.has(key)) continue;
        row.element.remove();
        this.rows.delete(key);
      }
      models.forEach((model, place) => {
        const row = this.rows.get(model.id);
        if (row) row.update(model);
        else this.rows.set(model.id, new Row(this, model));
        const node = this.rows.get(model.id).element;
        if (this.list.children[place] !== node) this.list.insertBefore(node, this.list.children[place] || null);
      });
      this.empty.hidden = models.length > 0;
      this.empty.textContent = "There is no cluster yet.";
    }

    close() {
      this.closed = true;
      window.clearTimeout(this.timer);
      document.removeEventListener("visibilitychange", this.onVisible);
      this.element.remove();
    }
  }

  root.camshaftClusters = { mount: (target, options) => new ClusterList(target, options) };
})(window);
