// The tab of the classic notebook (version 6 and older, and nbclassic): /tree#ipyclusters shows it.
define(["base/js/namespace", "jquery"], function (Jupyter, $) {
  "use strict";

  function addTab(baseUrl) {
    $("<link rel='stylesheet'>").attr("href", `${baseUrl}ipyparallel/static/clusters.css`).appendTo("head");
    // Earlier tabs of that kind: the one that notebooks up to version 5 had, and the original's.
    $("#tabs a[href='#clusters'], #tabs a[href='#ipyclusters']").parent().remove();
    $("#ipyclusters").remove();
    const pane = $("<div id='ipyclusters' class='tab-pane'></div>").appendTo(".tab-content");
    const link = $("<a href='#ipyclusters' data-toggle='tab'>IPython Clusters</a>");
    link.on("click", () => window.history.pushState(null, null, "#ipyclusters"));
    $("<li></li>").append(link).appendTo("#tabs");
    camshaftClusters.mount(pane[0], { baseUrl });
    if (window.location.hash === "#ipyclusters") link.tab("show");
  }

  function load() {
    if (!Jupyter.notebook_list) return; // a page other than the list of files
    const baseUrl = Jupyter.notebook_list.base_url;
    $.ajax({ url: `${baseUrl}ipyparallel/static/clusters.js`, dataType: "script", cache: true }).then(
      () => addTab(baseUrl),
      () => console.error("camshaft: its server extension is not enabled: jupyter serverextension enable camshaft"),
    );
  }

  return { load_ipython_extension: load };
});
