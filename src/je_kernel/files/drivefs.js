// Filesystem operations for the mounted drive, which make plain open() fast and safe.
//
// JupyterLite's own operations copy the whole file at each write, keep one copy for each
// handle, and write a file back as text if it was text, which damages it if it is not UTF-8.
// Here an open file has one content for all its handles. The content grows like a vector,
// and is saved to the page as base64 at a close, at an fsync, and when the kernel is idle.
// A file that is opened for writing is not saved while it is still empty.
//
// The page never answers a request that fails there, so those are not sent.

export default (codec => {
  const EIO = 29;
  const EFBIG = 22;
  const EINVAL = 28;
  const ENOENT = 44;
  const ENOSPC = 51;
  const EOPNOTSUPP = 138;
  const O_CREAT = 64;
  const PROT_WRITE = 2;
  const MAP_PRIVATE = 2;
  // The base64 of more does not fit into a record of Chromium, and the page would not answer.
  const MAX_SIZE = /Chrom/.test(navigator.userAgent) ? 99_000_000 : Infinity;
  const IDLE = 200; // milliseconds
  const FRESH = 100; // milliseconds for which a lookup is valid
  const REST_FACTOR = 10; // times the duration of the last save, so that a busy file does not block

  /** A file that is open, or is being opened. */
  class OpenFile {
    constructor(node, data) {
      this.node = node;
      this.data = data;
      this.format = 'base64'; // for JupyterLite's own operations, after `uninstall`
      this.room = data;
      this.streams = 0;
      this.times = null;
      this.isNew = false; // not saved yet
      this.isChanged = false;
      this.isGone = false;
    }

    resize(size) {
      // JupyterLite's own operations can replace the array.
      if (this.data.buffer !== this.room.buffer) this.room = this.data;
      const { length } = this.data;
      if (size > this.room.length) {
        const room = new Uint8Array(Math.max(size, Math.min(2 * length, length + 67_108_864)));
        room.set(this.data);
        this.room = room;
      } else if (size < length) {
        this.room.fill(0, size, length);
      }
      this.data = this.room.subarray(0, size);
    }
  }

  function install(drive) {
    const { FS, fs } = drive;
    const files = new Map(); // by node
    const stock = [];
    let timer = null;
    let rest = IDLE;
    const lookups = new WeakMap(); // the time of the last lookup, by node
    let top = null; // the attributes of the drive's top folder

    function fail(code) {
      return new FS.ErrnoError(code);
    }

    function pathOf(node) {
      return fs.API.normalizePath(fs.realPath(node));
    }

    function ask(method, node, data) {
      try {
        return drive.request({ method, path: pathOf(node), data });
      } catch (error) {
        console.error(`je-kernel: the drive did not ${method} a file`, error);
        // A page that does not answer a save has no space left.
        throw fail(method === 'put' && error.name === 'TimeoutError' ? ENOSPC : EIO);
      }
    }

    /** Save a file to the page, if it has changed. */
    function save(file) {
      if (!file.isChanged || file.isGone) return;
      const { format, content } = codec.modelOfBytes(file.node.name, file.data);
      const data = format === 'json' ? JSON.stringify(content) : content;
      ask('put', file.node, { format, data });
      file.isChanged = file.isNew = false;
    }

    /** Save files without handles, such as one that was truncated. */
    function saveClosed(but) {
      for (const [node, file] of files) {
        if (file.streams > 0 || node === but) continue;
        files.delete(node);
        save(file);
      }
    }

    function saveAll() {
      saveClosed();
      for (const file of files.values()) save(file);
    }

    function changed(file) {
      const now = new Date();
      file.isChanged = true;
      file.times = { atime: now, mtime: now, ctime: file.times?.ctime ?? now };
      timer ??= setTimeout(saveIdle, rest);
    }

    /** The same without an error, which the close will raise. */
    function saveQuietly() {
      try {
        saveAll();
      } catch (error) {
        if (!(error instanceof FS.ErrnoError)) throw error;
      }
    }

    function saveIdle() {
      const begin = performance.now();
      timer = null;
      saveQuietly();
      rest = Math.max(IDLE, REST_FACTOR * (performance.now() - begin));
    }

    function create(node) {
      drive.changed(node.name);
      const file = new OpenFile(node, new Uint8Array());
      files.set(node, file);
      changed(file);
      return file;
    }

    function load(node, flags) {
      const model = ask('get', node);
      if (!model) {
        // It was deleted in the page; the filesystem's cache still has it.
        if (flags & O_CREAT) return Object.assign(create(node), { isNew: true });
        FS.destroyNode(node);
        throw fail(ENOENT);
      }
      if (model.format === codec.LARGE) throw fail(EFBIG);
      const file = new OpenFile(node, new codec.Content(model.format, model.content).toBytes());
      files.set(node, file);
      return file;
    }

    /** Return a node if its file still exists: the page does not answer about a deleted one. */
    function existing(node) {
      const isFresh = performance.now() - (lookups.get(node) ?? -Infinity) < FRESH;
      if (isFresh || node === node.mount.root) return node;
      if (!ask('lookup', node).ok) {
        FS.destroyNode(node);
        throw fail(ENOENT);
      }
      lookups.set(node, performance.now());
      return node;
    }

    /** Replace operations by ours, which are made from the replaced ones. */
    function replace(operations, ours) {
      for (const [name, make] of Object.entries(ours)) {
        stock.push([operations, name, Object.getOwnPropertyDescriptor(operations, name)]);
        const theirs = operations[name]?.bind(operations);
        operations[name] = make(theirs);
      }
    }

    function restore() {
      for (const [operations, name, descriptor] of stock.splice(0)) {
        delete operations[name];
        if (descriptor) Object.defineProperty(operations, name, descriptor);
      }
    }

    const isOurs = stream => stream.file instanceof OpenFile;

    const streamOperations = {
      open: theirs => stream => {
        const { node, flags } = stream;
        if (!FS.isFile(node.mode)) return theirs(stream);
        saveClosed(node);
        stream.file = files.get(node) ?? load(node, flags);
        stream.file.streams += 1;
      },
      dup: () => stream => {
        if (isOurs(stream)) stream.file.streams += 1;
      },
      close: theirs => stream => {
        if (!isOurs(stream)) return theirs(stream);
        const { file } = stream;
        stream.file = undefined;
        file.streams -= 1;
        if (file.streams === 0 && files.get(file.node) === file) files.delete(file.node);
        save(file);
      },
      fsync: () => stream => {
        if (isOurs(stream)) save(stream.file);
        return 0;
      },
      // A copy in memory, as Emscripten makes for files in memory. Writes to a shared map would be
      // lost or go to another file: Emscripten saves them to the handle of the same number, which
      // Python and numpy have closed by then.
      mmap: () => (stream, length, position, prot, flags) => {
        if (prot & PROT_WRITE && !(flags & MAP_PRIVATE)) throw fail(EOPNOTSUPP);
        const node = { mode: stream.node.mode, contents: stream.file?.data };
        const { stream_ops: inMemory } = FS.filesystems.MEMFS;
        return inMemory.mmap({ node }, length, position, prot, flags);
      },
      write: theirs => (stream, buffer, offset, length, position) => {
        if (!isOurs(stream)) return theirs(stream, buffer, offset, length, position);
        if (length <= 0) return 0;
        const { file } = stream;
        const end = position + length;
        if (end > MAX_SIZE) throw fail(EFBIG);
        if (end > file.data.length) file.resize(end);
        file.data.set(buffer.subarray(offset, offset + length), position);
        changed(file);
        return length;
      },
    };

    const nodeOperations = {
      getattr: theirs => node => {
        saveClosed(node);
        if (node === node.mount.root) return topAttributes(theirs, node);
        const file = files.get(node);
        if (!file) return theirs(existing(node));
        file.times ??= timesOf(theirs(existing(node)));
        const size = file.data.length;
        const blocks = Math.ceil(size / 4096);
        const rest = { dev: 1, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, blocks };
        return { ...rest, ...file.times, size, mode: node.mode, ino: node.id };
      },
      setattr: theirs => (node, attributes) => {
        const { size, ...others } = attributes;
        theirs(node, others);
        if (size === undefined) return;
        if (size > MAX_SIZE) throw fail(EFBIG);
        saveClosed(node);
        const file = files.get(node) ?? (size === 0 ? create(node) : load(node));
        file.resize(size);
        changed(file);
        // A file of size 0 is probably being opened for writing; others are saved.
        if (size > 0) saveClosed();
      },
      lookup: theirs => (parent, name) => {
        saveClosed();
        const node = theirs(parent, name);
        lookups.set(node, performance.now());
        return node;
      },
      readdir: theirs => node => {
        saveNew();
        return theirs(existing(node));
      },
      mknod: theirs => (parent, name, mode, device) => {
        saveClosed();
        // The page decodes it, and fails.
        if (name.includes('%')) throw fail(EINVAL);
        if (!FS.isFile(mode)) {
          saveNew();
          drive.changed(name);
          return theirs(parent, name, mode, device);
        }
        const node = fs.createNode(parent, name, mode, device);
        create(node).isNew = true;
        return node;
      },
      rename: theirs => (node, folder, name) => {
        if (name.includes('%')) throw fail(EINVAL);
        saveAll();
        for (const file of files.values()) if (isAt(file, folder, name)) file.isGone = true;
        drive.changed(node.name);
        drive.changed(name);
        return theirs(node, folder, name);
      },
      unlink: theirs => (parent, name) => {
        for (const file of files.values()) if (isAt(file, parent, name)) file.isGone = true;
        saveClosed();
        drive.changed(name);
        return theirs(parent, name);
      },
      rmdir: theirs => (parent, name) => {
        for (const file of files.values()) if (isBelow(file.node, parent, name)) file.isGone = true;
        saveClosed();
        drive.changed(name);
        return theirs(parent, name);
      },
    };

    /**
     * Return the attributes of the drive's top folder. JupyterLite reads all files to return a time
     * of 0, and each import that looks into the folder needs it. So a time of 0 is cached.
     */
    function topAttributes(theirs, node) {
      top ??= theirs(node);
      const answer = { ...top };
      if (Number(answer.mtime) !== 0) top = null;
      return answer;
    }

    function saveNew() {
      saveClosed();
      for (const file of files.values()) if (file.isNew) save(file);
    }

    replace(fs.stream_ops, streamOperations);
    replace(fs.node_ops, nodeOperations);

    function uninstall() {
      clearTimeout(timer);
      try {
        saveAll();
      } finally {
        restore();
      }
    }

    return { saveNew, saveQuietly, uninstall };
  }

  function timesOf({ atime, mtime, ctime }) {
    return { atime, mtime, ctime };
  }

  function isAt({ node, isGone }, parent, name) {
    return !isGone && node.parent.id === parent.id && node.name === name;
  }

  function isBelow(node, parent, name) {
    for (let at = node; at.parent !== at; at = at.parent) {
      if (at.parent.id === parent.id && at.name === name) return true;
    }
    return false;
  }

  return { install };
})
