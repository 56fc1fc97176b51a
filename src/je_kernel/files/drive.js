// Sends requests to the page by the interface of the mounted drive, without the filesystem.
//
// The page answers a request by calling JupyterLab's contents manager. It never answers
// if that call fails, and the kernel would wait for ever. So paths are looked up first.

export default (codec => {
  const MOUNT = '/drive';
  const FOLDER = 0o040000;
  const TYPE = 0o170000;
  const NEW_FOLDER = 0o040777;
  const PATIENCE = 30_000; // milliseconds
  const SLOWEST = 1_000; // characters a millisecond
  const MODULES = ['.py', '.pyc', '.so'];
  let changes = 0;

  function mounted(FS) {
    // Not `lookupPath`, which throws something that is not an Error.
    const node = FS.analyzePath(MOUNT).object;
    return node?.mount.mountpoint === MOUNT ? node.mount.type : null;
  }

  class Drive {
    constructor(FS) {
      this.FS = FS;
      this.fs = mounted(FS);
    }

    /** Whether the drive has the interface that is used here. */
    get known() {
      return typeof this.fs?.API?.request === 'function' &&
        typeof this.fs.API.normalizePath === 'function';
    }

    /** The name of another drive; '' for the site's own files. */
    get driveName() {
      return this.fs.API._driveName ?? this.fs.driveName ?? '';
    }

    /** How often this kernel has made, renamed or removed a file that can be a module. */
    get changes() {
      return changes;
    }

    changed(name) {
      if (MODULES.some(ending => name.endsWith(ending)) || !name.includes('.')) changes += 1;
    }

    /** Send a request to the page. */
    ask(method, path, data) {
      // The page decodes each path once, except new ones, which have no '%'.
      const sent = path.replaceAll('%', '%25');
      return this.request({ method, path: this.normal(sent), data });
    }

    normal(path) {
      return this.fs.API.normalizePath(`${MOUNT}/${path}`);
    }

    request(message) {
      const api = this.fs.API;
      if (!api._baseUrl || !api._browsingContextId) return api.request(message);
      // The drive's own request, with a timeout.
      const xhr = new XMLHttpRequest();
      xhr.open('POST', encodeURI(`${api._baseUrl}api/drive`), false);
      xhr.timeout = PATIENCE + (message.data?.data?.length ?? 0) / SLOWEST;
      const requestId = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
      const { _browsingContextId: browsingContextId } = api;
      xhr.send(JSON.stringify({ data: { ...message, requestId }, browsingContextId, requestId }));
      if (xhr.status >= 400) throw new Error(`the service worker answered ${xhr.status}`);
      return JSON.parse(xhr.responseText);
    }

    /** 'file', 'folder', or undefined. */
    typeOf(path) {
      if (path === '') return 'folder';
      const { ok, mode } = this.ask('lookup', path);
      if (!ok) return undefined;
      return (mode & TYPE) === FOLDER ? 'folder' : 'file';
    }

    stat(path) {
      const type = this.typeOf(path);
      return type ? JSON.stringify(this.entry(path, type)) : undefined;
    }

    entry(path, type) {
      const { size, mtime, ctime } = this.ask('getattr', path);
      const folder = type === 'folder';
      return {
        path,
        folder,
        size: folder ? 0 : size,
        modified: mtime,
        created: ctime,
        version: `${mtime} ${size}`,
      };
    }

    children(path) {
      const names = this.ask('readdir', path);
      const entries = names.map(name => {
        const inner = path ? `${path}/${name}` : name;
        const type = this.typeOf(inner);
        return type && this.entry(inner, type);
      });
      return JSON.stringify(entries.filter(entry => entry));
    }

    names(path) {
      return JSON.stringify(this.ask('readdir', path));
    }

    read(path) {
      const model = this.ask('get', path);
      if (model?.format === codec.LARGE) throw new codec.Refusal('large', path);
      return model ? new codec.Content(model.format, model.content) : undefined;
    }

    write(path, object) {
      const { format, content } = codec.modelOf(path, object);
      const data = format === 'json' ? JSON.stringify(content) : content;
      this.ask('put', path, { format, data });
    }

    makeFolder(path) {
      this.ask('mknod', path, { mode: NEW_FOLDER });
    }

    rename(oldPath, newPath) {
      this.ask('rename', oldPath, { newPath: this.normal(newPath) });
    }

    remove(path) {
      this.ask('rmdir', path);
    }

    /** Fetch a file of the site: undefined if it does not exist or is unreachable. */
    fetchFile(address) {
      const xhr = new XMLHttpRequest();
      xhr.open('GET', address, false);
      xhr.timeout = PATIENCE;
      xhr.responseType = 'arraybuffer';
      try {
        xhr.send();
      } catch {
        return undefined; // offline
      }
      return xhr.status === 200 ? codec.contentOf(new Uint8Array(xhr.response)) : undefined;
    }

    /**
     * Lock the drive for a conditional write.
     *
     * The page can save, rename and delete, but not check and write in one step. It handles
     * requests in order, so a kernel first writes a claim, then lists all claims, and removes
     * its own if there are others. Of two kernels, at least one sees the other's claim.
     * Claims expire, in case a kernel stops.
     */
    claim() {
      const id = crypto.randomUUID?.() ?? String(Math.random());
      if (!this.typeOf(codec.CLAIMS)) this.makeFolder(codec.CLAIMS);
      for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
        // The time is in the name: the page does not answer a request about a deleted file.
        const mine = `${Date.now()}-${id}`;
        const path = `${codec.CLAIMS}/${mine}`;
        this.ask('put', path, { format: 'base64', data: '' });
        const others = this.ask('readdir', codec.CLAIMS).filter(name => name !== mine);
        for (const name of others) {
          if (!codec.isLive(name)) this.remove(`${codec.CLAIMS}/${name}`);
        }
        if (!others.some(codec.isLive)) return path;
        this.remove(path);
        const rest = Date.now() + 5 + Math.random() * 50;
        while (Date.now() < rest);
      }
      throw new Error('other notebooks keep writing');
    }

    /** Return whether a claim is still valid. */
    holds(path) {
      return codec.isLive(path.slice(codec.CLAIMS.length + 1)) && Boolean(this.typeOf(path));
    }

    /** Drop a path, and everything below it, from the filesystem's cache. */
    forget(path) {
      this.changed(path.slice(path.lastIndexOf('/') + 1));
      const { FS } = this;
      let node = FS.lookupPath(MOUNT).node;
      for (const part of path.split('/')) {
        node = cached(FS, node, part);
        if (!node) return;
      }
      dropBelow(FS, node);
      FS.destroyNode(node);
    }
  }

  /** Return a node of the filesystem's cache, without a request to the page. */
  function cached(FS, parent, name) {
    for (let node = FS.nameTable[FS.hashName(parent.id, name)]; node; node = node.name_next) {
      if (node.parent.id === parent.id && node.name === name) return node;
    }
    return null;
  }

  function dropBelow(FS, folder) {
    for (let node of Object.values(FS.nameTable)) {
      while (node) {
        const next = node.name_next;
        if (node.parent.id === folder.id && node !== folder) {
          dropBelow(FS, node);
          FS.destroyNode(node);
        }
        node = next;
      }
    }
  }

  return { drive: FS => new Drive(FS) };
})
