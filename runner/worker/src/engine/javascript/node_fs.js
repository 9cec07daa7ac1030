// `node:fs`: only its promises. Nothing here could wait for a file without an `await`.

(function () {
  const { core } = __bootstrap;
  const { default: promises } = core.loadExtScript("ext:stasis/node_fs_promises.js");
  return { promises, default: { promises } };
})();
