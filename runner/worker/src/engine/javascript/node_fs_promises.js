// `node:fs/promises`: `fs` for code that was written for Node.

(function () {
  const { core, primordials } = __bootstrap;
  const { ObjectAssign } = primordials;
  const { fs } = core.loadExtScript("ext:stasis/fs.js");

  const { appendFile, copyFile, exists, mkdir, readdir, readFile, rename, rm, writeFile } = fs;
  const node = {
    appendFile,
    copyFile,
    exists,
    mkdir,
    readdir,
    readFile,
    rename,
    rm,
    writeFile,
    // In Node, whether something is a file is asked of a function.
    async stat(path) {
      const facts = await fs.stat(path);
      const { isFile, isDirectory, isSymlink } = facts;
      return ObjectAssign(facts, {
        isFile: () => isFile,
        isDirectory: () => isDirectory,
        isSymbolicLink: () => isSymlink,
      });
    },
    async access(path) {
      await fs.stat(path);
    },
    async unlink(path) {
      await rm(path);
    },
  };
  return { ...node, default: node };
})();
