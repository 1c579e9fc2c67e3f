// The page of its own: the list of clusters, and nothing else.
camshaftClusters.mount(document.getElementById("clusters"), { baseUrl: document.currentScript.dataset.baseUrl });
