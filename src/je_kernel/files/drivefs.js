// Plain open() on the mounted drive, without what makes it slow and what loses data.
//
// JupyterLite's own operations copy the whole file at each write, keep one copy for each
// handle, and write a file back as text if it was text, which garbles what is not UTF-8.
// Here a file that is open has one content, whoever opened it. It grows as a vector does,
// and goes to the page as base64 at a close, an fsync, and when the kernel is idle. An
// empty file is not sent to the page while it is being opened to be written.
//
// The page never answers a request that fails there: so what could fail is not asked.

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
  // As base64 in one record, which Chromium keeps below 127 MiB. The page would not answer.
  const LARGEST = /Chrom/.test(navigator.userAgent) ? 99_000_000 : Infinity;
  const IDLE = 200; // milliseconds
  const SURE = 100; // milliseconds, for which what was there is taken to be there
  const RESTS = 10; // times as long as the last write took, so that a busy file does not block

  /** The content of a file that is open, or is being opened. */
  class OpenFile {
    constructor(node, data) {
      this.node = node;
      this.data = data;
      this.format = 'base64'; // what JupyterLite's own operations would need, if ours leave
      this.room = data;
      this.streams = 0;
      this.times = null;
      this.isNew = false; // the page knows nothing of it yet
      this.isChanged = false;
      this.isGone = false;
    }

    resize(size) {
      // JupyterLite's own operations may have put another array in place.
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
    const seen = new WeakMap(); // when the page said that a node is there
    let top = null; // what the page said of the drive's top folder

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
        // What a page that lives cannot save it has no room for; no browser says how much is left.
        throw fail(method === 'put' && error.name === 'TimeoutError' ? ENOSPC : EIO);
      }
    }

    /** Send a file to the page, if that has not all of it yet. */
    function keep(file) {
      if (!file.isChanged || file.isGone) return;
      const { format, content } = codec.modelOfBytes(file.node.name, file.data);
      const data = format === 'json' ? JSON.stringify(content) : content;
      ask('put', file.node, { format, data });
      file.isChanged = file.isNew = false;
    }

    /** Send what nobody has open: a truncated file, say. */
    function settle(but) {
      for (const [node, file] of files) {
        if (file.streams > 0 || node === but) continue;
        files.delete(node);
        keep(file);
      }
    }

    function keepAll() {
      settle();
      for (const file of files.values()) keep(file);
    }

    function changed(file) {
      const now = new Date();
      file.isChanged = true;
      file.times = { atime: now, mtime: now, ctime: file.times?.ctime ?? now };
      timer ??= setTimeout(rested, rest);
    }

    /** The same where nobody could be told of a failure: the close will say it. */
    function keepQuietly() {
      try {
        keepAll();
      } catch (error) {
        if (!(error instanceof FS.ErrnoError)) throw error;
      }
    }

    function rested() {
      const begin = performance.now();
      timer = null;
      keepQuietly();
      rest = Math.max(IDLE, RESTS * (performance.now() - begin));
    }

    function made(node) {
      drive.changed(node.name);
      const file = new OpenFile(node, new Uint8Array());
      files.set(node, file);
      changed(file);
      return file;
    }

    function fetched(node, flags) {
      const model = ask('get', node);
      if (!model) {
        // It was deleted in the page, and the filesystem did not know.
        if (flags & O_CREAT) return Object.assign(made(node), { isNew: true });
        FS.destroyNode(node);
        throw fail(ENOENT);
      }
      if (model.format === codec.LARGE) throw fail(EFBIG);
      const file = new OpenFile(node, new codec.Content(model.format, model.content).toBytes());
      files.set(node, file);
      return file;
    }

    /** Return a node if the page still has it: it does not describe what it has deleted. */
    function existing(node) {
      const isSure = performance.now() - (seen.get(node) ?? -Infinity) < SURE;
      if (isSure || node === node.mount.root) return node;
      if (!ask('lookup', node).ok) {
        FS.destroyNode(node);
        throw fail(ENOENT);
      }
      seen.set(node, performance.now());
      return node;
    }

    /** Put our operations in the place of others; they are given these. */
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
        settle(node);
        stream.file = files.get(node) ?? fetched(node, flags);
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
        keep(file);
      },
      fsync: () => stream => {
        if (isOurs(stream)) keep(stream.file);
        return 0;
      },
      // A copy in memory, made as Emscripten makes it for files in memory. What is written to a
      // shared one would be lost or hit another file: at its end Emscripten takes for its file
      // what has the number of the handle by then, which Python and numpy have closed long ago.
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
        if (end > LARGEST) throw fail(EFBIG);
        if (end > file.data.length) file.resize(end);
        file.data.set(buffer.subarray(offset, offset + length), position);
        changed(file);
        return length;
      },
    };

    const nodeOperations = {
      getattr: theirs => node => {
        settle(node);
        if (node === node.mount.root) return ofTop(theirs, node);
        const file = files.get(node);
        if (!file) return theirs(existing(node));
        file.times ??= timesIn(theirs(existing(node)));
        const size = file.data.length;
        const blocks = Math.ceil(size / 4096);
        const rest = { dev: 1, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, blocks };
        return { ...rest, ...file.times, size, mode: node.mode, ino: node.id };
      },
      setattr: theirs => (node, attributes) => {
        const { size, ...others } = attributes;
        theirs(node, others);
        if (size === undefined) return;
        if (size > LARGEST) throw fail(EFBIG);
        settle(node);
        const file = files.get(node) ?? (size === 0 ? made(node) : fetched(node));
        file.resize(size);
        changed(file);
        // What is emptied may be about to be opened to be written, the rest is not.
        if (size > 0) settle();
      },
      lookup: theirs => (parent, name) => {
        settle();
        const node = theirs(parent, name);
        seen.set(node, performance.now());
        return node;
      },
      readdir: theirs => node => {
        keepNew();
        return theirs(existing(node));
      },
      mknod: theirs => (parent, name, mode, device) => {
        settle();
        // The page takes it for an escape of an address, and fails.
        if (name.includes('%')) throw fail(EINVAL);
        if (!FS.isFile(mode)) {
          keepNew();
          drive.changed(name);
          return theirs(parent, name, mode, device);
        }
        const node = fs.createNode(parent, name, mode, device);
        made(node).isNew = true;
        return node;
      },
      rename: theirs => (node, folder, name) => {
        if (name.includes('%')) throw fail(EINVAL);
        keepAll();
        for (const file of files.values()) if (isAt(file, folder, name)) file.isGone = true;
        drive.changed(node.name);
        drive.changed(name);
        return theirs(node, folder, name);
      },
      unlink: theirs => (parent, name) => {
        for (const file of files.values()) if (isAt(file, parent, name)) file.isGone = true;
        settle();
        drive.changed(name);
        return theirs(parent, name);
      },
      rmdir: theirs => (parent, name) => {
        for (const file of files.values()) if (isBelow(file.node, parent, name)) file.isGone = true;
        settle();
        drive.changed(name);
        return theirs(parent, name);
      },
    };

    /**
     * Describe the drive's top folder. JupyterLite has no times of it, and reads all files to say
     * so, which each import asks that looks into the folder. So it is asked once, where that holds.
     */
    function ofTop(theirs, node) {
      top ??= theirs(node);
      const answer = { ...top };
      if (Number(answer.mtime) !== 0) top = null;
      return answer;
    }

    function keepNew() {
      settle();
      for (const file of files.values()) if (file.isNew) keep(file);
    }

    replace(fs.stream_ops, streamOperations);
    replace(fs.node_ops, nodeOperations);

    function uninstall() {
      clearTimeout(timer);
      try {
        keepAll();
      } finally {
        restore();
      }
    }

    return { keepNew, keepQuietly, uninstall };
  }

  function timesIn({ atime, mtime, ctime }) {
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
