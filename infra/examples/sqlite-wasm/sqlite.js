// SQLite for Stasis: databases in memory, which live in the heap like any other value.
//
// A plain script, to be put before the code that uses it; the server has to be started with
// `--wasm-module sqlite=…/sqlite3.wasm`. See README.md.

var SQLite = globalThis.SQLite ?? (() => {
  const OK = 0, ROW = 100, DONE = 101; // What SQLite's functions return
  const INTEGER = 1, FLOAT = 2, TEXT = 3, BLOB = 4; // Types of columns; NULL is the fifth
  const OPEN_FLAGS = 0x2 | 0x4; // Read and write, create
  const TRANSIENT = -1; // SQLite copies what it is given

  const ENOENT = 44, ENOSYS = 52, EBADF = 8; // As in WASI, which Emscripten follows
  const PAGE_BYTES = 65536;
  const INITIAL_PAGES = 128, MAX_PAGES = 32768; // What the build wants: 8 MB, at most 2 GB
  const RANDOM_FILE = '/dev/urandom', RANDOM_FD = 3; // The only file that there is

  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  let sqlite; // The instance's exports
  let memory;

  /** Instantiates the module when the first database is opened. All databases share the instance. */
  function start() {
    if (typeof __wasm_sqlite === 'undefined') {
      throw new Error('there is no SQLite module: start the server with --wasm-module sqlite=PATH');
    }
    memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES });
    const { exports } = new WebAssembly.Instance(__wasm_sqlite, importsFor(__wasm_sqlite));
    exports.__wasm_call_ctors();
    const code = exports.sqlite3_initialize();
    if (code !== OK) throw new Error(`SQLite does not start (${code})`);
    sqlite = exports;
  }

  /** Everything that the module wants. What is not provided answers that it does not exist. */
  function importsFor(module) {
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const missing = from === 'env' ? () => -ENOSYS : () => ENOSYS;
      (imports[from] ??= {})[name] = name === 'memory' ? memory : provided[name] ?? missing;
    }
    return imports;
  }

  const noFile = () => -ENOENT;

  /** What the module gets from its surroundings: the time, random numbers and memory, but no files. */
  const provided = {
    __syscall_faccessat: noFile,
    __syscall_lstat64: noFile,
    __syscall_newfstatat: noFile,
    __syscall_openat: (_folder, path) => (text(path) === RANDOM_FILE ? RANDOM_FD : -ENOENT),
    __syscall_readlinkat: noFile,
    __syscall_stat64: noFile,
    __syscall_unlinkat: noFile,
    __syscall_fcntl64: () => 0,
    __syscall_getcwd(at, size) {
      if (size < 2) return -ENOSYS;
      bytes(at, 2).set([0x2f, 0]);
      return 2;
    },
    fd_close: (fd) => (fd === RANDOM_FD ? 0 : EBADF),
    fd_read(fd, vectors, count, read) {
      if (fd !== RANDOM_FD) return EBADF;
      const view = new DataView(memory.buffer);
      let total = 0;
      for (let at = vectors; at < vectors + 8 * count; at += 8) {
        const length = view.getUint32(at + 4, true);
        crypto.getRandomValues(bytes(view.getUint32(at, true), length));
        total += length;
      }
      view.setUint32(read, total, true);
      return 0;
    },
    environ_sizes_get(count, size) {
      const view = new DataView(memory.buffer);
      view.setUint32(count, 0, true);
      view.setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    clock_time_get(clock, _precision, at) {
      const milliseconds = clock === 0 ? Date.now() : performance.now();
      new DataView(memory.buffer).setBigUint64(at, BigInt(Math.round(milliseconds * 1e6)), true);
      return 0;
    },
    emscripten_date_now: () => Date.now(),
    emscripten_get_now: () => performance.now(),
    emscripten_get_heap_max: () => MAX_PAGES * PAGE_BYTES,
    emscripten_resize_heap(wanted) {
      const pages = Math.ceil((wanted >>> 0) / PAGE_BYTES) - memory.buffer.byteLength / PAGE_BYTES;
      try {
        // Some more than is asked for, so that it is not asked again at once.
        memory.grow(Math.max(pages, 16));
        return 1;
      } catch {
        return 0;
      }
    },
    _tzset_js(offset, hasSummer, winterName, summerName) {
      const year = new Date().getFullYear();
      const [winter, summer] = [0, 6].map((month) => new Date(year, month, 1).getTimezoneOffset());
      const view = new DataView(memory.buffer);
      view.setInt32(offset, Math.max(winter, summer) * 60, true);
      view.setInt32(hasSummer, Number(winter !== summer), true);
      for (const name of [winterName, summerName]) bytes(name, 4).set(encoder.encode('LOC\0'));
    },
    _localtime_js(seconds, at) {
      const date = new Date(Number(seconds) * 1000);
      const year = date.getFullYear();
      const [winter, summer] = [0, 6].map((month) => new Date(year, month, 1).getTimezoneOffset());
      const offset = date.getTimezoneOffset();
      const midnight = Date.UTC(year, date.getMonth(), date.getDate());
      new Int32Array(memory.buffer, at, 10).set([
        date.getSeconds(), date.getMinutes(), date.getHours(), date.getDate(), date.getMonth(), year - 1900,
        date.getDay(), (midnight - Date.UTC(year, 0, 1)) / 86_400_000,
        Number(winter !== summer && offset === Math.min(winter, summer)), -offset * 60,
      ]);
    },
  };

  /** A view of memory. It is valid until memory grows, which every call of SQLite may do. */
  const bytes = (at, length) => new Uint8Array(memory.buffer, at >>> 0, length);

  /** Text that ends with a zero. */
  function text(at) {
    if (at === 0) return '';
    const all = new Uint8Array(memory.buffer);
    return decoder.decode(all.subarray(at, all.indexOf(0, at)));
  }

  /** Calls with the address of a copy, which is there as long as the call takes. */
  function withCopy(content, call) {
    const at = sqlite.malloc(content.length + 1);
    if (at === 0) throw new SQLiteError('out of memory', 7);
    try {
      bytes(at, content.length).set(content);
      bytes(at + content.length, 1)[0] = 0;
      return call(at, content.length);
    } finally {
      sqlite.free(at);
    }
  }

  /** What SQLite complains about, in its own words. */
  class SQLiteError extends Error {
    /** SQLite's extended result code. */
    code;

    constructor(message, code) {
      super(message);
      this.name = 'SQLiteError';
      this.code = code;
    }
  }

  const isBytes = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

  const asBytes = (value) =>
    ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);

  /** Sets a parameter, counted from 1; gives SQLite's code. */
  function bind(statement, at, value) {
    if (value === null) return sqlite.sqlite3_bind_null(statement, at);
    switch (typeof value) {
      case 'boolean':
        return sqlite.sqlite3_bind_int(statement, at, Number(value));
      case 'number':
        return Number.isSafeInteger(value) && !Object.is(value, -0)
          ? sqlite.sqlite3_bind_int64(statement, at, BigInt(value))
          : sqlite.sqlite3_bind_double(statement, at, value);
      case 'bigint':
        if (BigInt.asIntN(64, value) !== value) throw new RangeError(`parameter ${at} does not fit into 64 bits`);
        return sqlite.sqlite3_bind_int64(statement, at, value);
      case 'string':
        return withCopy(encoder.encode(value), (copy, length) =>
          sqlite.sqlite3_bind_text(statement, at, copy, length, TRANSIENT));
    }
    if (isBytes(value)) {
      return withCopy(asBytes(value), (copy, length) =>
        sqlite.sqlite3_bind_blob(statement, at, copy, length, TRANSIENT));
    }
    const kind = typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
    throw new TypeError(`parameter ${at} cannot be ${kind}: use a number, bigint, string, boolean, Uint8Array or null`);
  }

  /** A value of the current row. Integers that a number cannot hold exactly are bigints. */
  function column(statement, at) {
    const content = (address) => bytes(address, sqlite.sqlite3_column_bytes(statement, at));
    switch (sqlite.sqlite3_column_type(statement, at)) {
      case INTEGER: {
        const value = sqlite.sqlite3_column_int64(statement, at);
        return Number.isSafeInteger(Number(value)) ? Number(value) : value;
      }
      case FLOAT:
        return sqlite.sqlite3_column_double(statement, at);
      case TEXT:
        return decoder.decode(content(sqlite.sqlite3_column_text(statement, at)));
      case BLOB:
        return content(sqlite.sqlite3_column_blob(statement, at)).slice();
      default:
        return null;
    }
  }

  /** A database in memory. */
  return class SQLite {
    static Error = SQLiteError;

    #db = 0;

    constructor() {
      if (sqlite === undefined) start();
      withCopy(encoder.encode(':memory:'), (name) => withCopy(new Uint8Array(4), (out) => {
        const code = sqlite.sqlite3_open_v2(name, out, OPEN_FLAGS, 0);
        this.#db = new DataView(memory.buffer).getUint32(out, true);
        this.#check(code);
      }));
      sqlite.sqlite3_extended_result_codes(this.#db, 1);
      // There is no file system for what SQLite would otherwise put aside.
      this.exec('PRAGMA temp_store = MEMORY');
    }

    /**
     * Runs statements and gives the number of rows that they changed. Parameters, an array or an object
     * by name, are for a single statement.
     */
    exec(sql, parameters) {
      const db = this.#open();
      const before = sqlite.sqlite3_total_changes(db);
      let count = 0;
      this.#forEachStatement(sql, (statement) => {
        if (parameters !== undefined && ++count > 1) throw new Error('parameters are for a single statement');
        this.#bindAll(statement, parameters);
        while (this.#step(statement));
      });
      return sqlite.sqlite3_total_changes(db) - before;
    }

    /** Runs one statement and gives the names of its columns, and its rows as objects. */
    query(sql, parameters) {
      let result;
      this.#forEachStatement(sql, (statement) => {
        if (result) throw new Error('query takes one statement; use exec for several');
        this.#bindAll(statement, parameters);
        const count = sqlite.sqlite3_column_count(statement);
        const columns = Array.from({ length: count }, (_, at) => text(sqlite.sqlite3_column_name(statement, at)));
        const rows = [];
        while (this.#step(statement)) {
          rows.push(Object.fromEntries(columns.map((name, at) => [name, column(statement, at)])));
        }
        result = { columns, rows };
      });
      if (!result) throw new Error('query takes one statement, and there is none');
      return result;
    }

    /** Closes the database and forgets what is in it. Closing twice is closing once. */
    close() {
      if (this.#db !== 0) sqlite.sqlite3_close_v2(this.#db);
      this.#db = 0;
    }

    #open() {
      if (this.#db === 0) throw new Error('the database is closed');
      return this.#db;
    }

    #check(code) {
      if (code === OK) return;
      const db = this.#db;
      const message = text(db === 0 ? sqlite.sqlite3_errstr(code) : sqlite.sqlite3_errmsg(db));
      throw new SQLiteError(message, db === 0 ? code : sqlite.sqlite3_extended_errcode(db));
    }

    #step(statement) {
      const code = sqlite.sqlite3_step(statement);
      if (code !== ROW && code !== DONE) this.#check(code);
      return code === ROW;
    }

    /** Prepares, uses and finalizes each statement of a text in its turn. */
    #forEachStatement(sql, use) {
      const db = this.#open();
      if (typeof sql !== 'string') throw new TypeError('SQL has to be a string');
      if (sql.includes('\0')) throw new TypeError('SQL cannot contain the character U+0000');
      // Two runs that resume from one heap do not get the same random numbers.
      sqlite.sqlite3_randomness(0, 0);
      withCopy(encoder.encode(sql), (start, length) => withCopy(new Uint8Array(8), (out) => {
        for (let at = start; at < start + length;) {
          this.#check(sqlite.sqlite3_prepare_v2(db, at, start + length - at, out, out + 4));
          const view = new DataView(memory.buffer);
          const statement = view.getUint32(out, true);
          at = view.getUint32(out + 4, true);
          if (statement === 0) continue; // White space or a comment
          try {
            use(statement);
          } finally {
            sqlite.sqlite3_finalize(statement);
          }
        }
      }));
    }

    #bindAll(statement, parameters) {
      const count = sqlite.sqlite3_bind_parameter_count(statement);
      if (parameters !== undefined && (parameters === null || typeof parameters !== 'object' || isBytes(parameters))) {
        throw new TypeError('parameters have to be an array, or an object by name');
      }
      if (Array.isArray(parameters ?? [])) {
        const given = parameters ?? [];
        if (given.length !== count) throw new RangeError(`the statement has ${count} parameter(s), not ${given.length}`);
        given.forEach((value, at) => this.#check(bind(statement, at + 1, value)));
        return;
      }
      for (let at = 1; at <= count; at++) {
        const name = text(sqlite.sqlite3_bind_parameter_name(statement, at));
        const key = [name, name.slice(1)].find((key) => name !== '' && Object.hasOwn(parameters, key));
        if (key === undefined) throw new RangeError(`there is no value for the parameter ${name || at}`);
        this.#check(bind(statement, at, parameters[key]));
      }
    }
  };
})();
