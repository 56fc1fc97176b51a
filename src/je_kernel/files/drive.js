// The site's files through the drive that JupyterLite mounted, without its slow parts.
//
// The page answers each request by calling JupyterLab's contents manager. A call
// that fails there is never answered, and the kernel would wait for ever: so what
// could fail is looked up first.

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
    // Where there is no such folder it says so; `lookupPath` would throw what is no Error.
    const node = FS.analyzePath(MOUNT).object;
    return node?.mount.mountpoint === MOUNT ? node.mount.type : null;
  }

  class Drive {
    constructor(FS) {
      this.FS = FS;
      this.fs = mounted(FS);
    }

    /** Whether this is a drive that we know how to talk to. */
    get known() {
      return typeof this.fs?.API?.request === 'function' &&
        typeof this.fs.API.normalizePath === 'function';
    }

    /** The name of a drive other than the site's own files; '' for these. */
    get driveName() {
      return this.fs.API._driveName ?? this.fs.driveName ?? '';
    }

    /** How often this kernel has made, renamed or removed what may be a module. */
    get changes() {
      return changes;
    }

    changed(name) {
      if (MODULES.some(ending => name.endsWith(ending)) || !name.includes('.')) changes += 1;
    }

    /** Ask the page. */
    ask(method, path, data) {
      // The page decodes each path once, but for those it makes: they have no '%'.
      const sent = path.replaceAll('%', '%25');
      return this.request({ method, path: this.normal(sent), data });
    }

    normal(path) {
      return this.fs.API.normalizePath(`${MOUNT}/${path}`);
    }

    request(message) {
      const api = this.fs.API;
      if (!api._baseUrl || !api._browsingContextId) return api.request(message);
      // The same request as the drive's own, but one that gives up.
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
        mimetype: '',
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

    /** Fetch something of the site: undefined if it is not there, or if nobody can tell. */
    fetched(address) {
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
     * Claim the drive: a kernel that writes what depends on what is there does it alone.
     *
     * The page can save, rename and delete, and nothing that checks and writes in one step.
     * But it does one thing after the other: so each kernel puts up its claim first, looks
     * for others then, and takes its own down if there are any. Of two, never both see none.
     * The claim of a kernel that was stopped meanwhile ends by itself.
     */
    claim() {
      const id = crypto.randomUUID?.() ?? String(Math.random());
      if (!this.typeOf(codec.CLAIMS)) this.makeFolder(codec.CLAIMS);
      for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
        // The time is in the name, for the page does not answer what is asked of a file that is gone.
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

    /** Tell whether a claim is still worth something. */
    holds(path) {
      return codec.isLive(path.slice(codec.CLAIMS.length + 1)) && Boolean(this.typeOf(path));
    }

    /** Make the mounted filesystem look again at a path, and at all below it. */
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

  /** The node that the filesystem has at hand, without asking the page. */
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
