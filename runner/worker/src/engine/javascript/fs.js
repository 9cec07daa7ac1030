// `fs`: what the host lets scripts do with files, with the functions of Node's `fs/promises`.

(function () {
  const { core, primordials } = __bootstrap;
  const { op_stasis_file, op_stasis_read_file, op_stasis_read_text } = core.ops;
  const {
    Date,
    ObjectPrototypeIsPrototypeOf,
    StringPrototypeToLowerCase,
    TypedArrayPrototypeGetSymbolToStringTag,
    TypeError,
    decodeURIComponent,
  } = primordials;
  const { URLPrototype } = core.loadExtScript("ext:deno_web/00_url.js");

  const pathOf = (operation, path) => {
    if (typeof path === "string") return path;
    if (ObjectPrototypeIsPrototypeOf(URLPrototype, path) && path.protocol === "file:") {
      return decodeURIComponent(path.pathname);
    }
    throw new TypeError(`fs.${operation} takes a path as a string or as a file: URL`);
  };

  const contentOf = (operation, content) => {
    if (typeof content === "string") return core.encode(content);
    if (TypedArrayPrototypeGetSymbolToStringTag(content) === "Uint8Array") return content;
    throw new TypeError(`fs.${operation} takes its content as a string or as a Uint8Array`);
  };

  const act = (operation, path, options = undefined, content = null) =>
    op_stasis_file({
      operation,
      path: pathOf(operation, path),
      destination: options?.destination,
      recursive: options?.recursive === true,
      force: options?.force === true,
    }, content);

  // Methods of an object: they have no prototype property, and their names are those of the properties.
  const fs = {
    // A string, unless the encoding is "buffer": then a Uint8Array.
    async readFile(path, encoding = undefined) {
      const wanted = encoding !== null && typeof encoding === "object" ? encoding.encoding : encoding;
      path = pathOf("readFile", path);
      if (wanted === null || wanted === "buffer") return await op_stasis_read_file(path);
      const name = wanted === undefined ? "utf8" : StringPrototypeToLowerCase(`${wanted}`);
      if (name !== "utf8" && name !== "utf-8") {
        throw new TypeError(`fs.readFile gives "utf8" or "buffer", and not "${wanted}"`);
      }
      return await op_stasis_read_text(path);
    },
    async writeFile(path, content) {
      await act("writeFile", path, undefined, contentOf("writeFile", content));
    },
    async appendFile(path, content) {
      await act("appendFile", path, undefined, contentOf("appendFile", content));
    },
    async readdir(path, options = undefined) {
      if (options?.withFileTypes || options?.recursive) {
        throw new TypeError("fs.readdir gives the names in one folder; ask fs.stat what they stand for");
      }
      return (await act("readdir", path)).names;
    },
    async stat(path) {
      const { size, mode, file, folder, modified, accessed, created } = (await act("stat", path)).facts;
      const time = (milliseconds) => milliseconds === null ? null : new Date(milliseconds);
      return {
        size,
        isFile: file,
        isDirectory: folder,
        isSymlink: false,
        readonly: (mode & 0o222) === 0,
        mode,
        mtime: time(modified),
        atime: time(accessed),
        birthtime: time(created),
        mtimeMs: modified,
        atimeMs: accessed,
        birthtimeMs: created,
      };
    },
    async mkdir(path, options = undefined) {
      await act("mkdir", path, options);
    },
    async rm(path, options = undefined) {
      await act("rm", path, options);
    },
    async rename(path, destination) {
      await act("rename", path, { destination: pathOf("rename", destination) });
    },
    async copyFile(path, destination) {
      await act("copyFile", path, { destination: pathOf("copyFile", destination) });
    },
    async exists(path) {
      return (await act("exists", path)).exists;
    },
  };
  return { fs };
})();
