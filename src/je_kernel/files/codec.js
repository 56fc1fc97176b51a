// Converts between bytes and JupyterLab's contents models, which have base64, JSON or a Blob.

export default (() => {
  const NATIVE = typeof Uint8Array.prototype.toBase64 === 'function' &&
    typeof Uint8Array.prototype.setFromBase64 === 'function';
  // A database record holds at most 127 MiB in Chromium and 255 MiB in Firefox. Base64 of this
  // many bytes fits; larger files are kept as a Blob.
  const MOST_IN_RECORD = 90_000_000;
  // The format of a Blob. JupyterLite, which knows 'text', 'json' and 'base64', downloads, copies
  // and renames such a file; its error when it opens one is "Invalid format " and this.
  const LARGE = '(above 90 MB: download the file, or read it with je_kernel.files)';
  // The folder of the claims of kernels without transactions: see `drive.js`.
  const CLAIMS = '.je-kernel-claims';
  const LEASE = 10_000; // milliseconds
  const PIECE_OF_BLOB = 16_777_216;
  // A multiple of three, so that only the last piece is padded. Each is a list of arguments.
  const PIECE = 3 * 8192;
  const PIECE_OF_TEXT = 4 * 262_144;

  /** A refused operation: `Refusal` of store.py, recognised by its name. */
  class Refusal extends Error {
    constructor(problem, path) {
      super(`${problem} ${path}`);
      this.name = 'Refusal';
    }
  }

  /** Encode bytes. */
  function encode(bytes) {
    if (NATIVE) return bytes.toBase64();
    const pieces = [];
    for (let start = 0; start < bytes.length; start += PIECE) {
      pieces.push(btoa(String.fromCharCode.apply(null, bytes.subarray(start, start + PIECE))));
    }
    return pieces.join('');
  }

  /** Return the number of bytes in a base64 text without white space, or -1. */
  function lengthOf(text) {
    if (text.length % 4 !== 0) return -1;
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    return (text.length / 4) * 3 - padding;
  }

  /** Decode into an array of exactly that length. Throws if the text is not base64. */
  function decodeInto(target, text) {
    if (NATIVE) {
      const { written, read } = target.setFromBase64(text);
      if (written !== target.length || read !== text.length) throw new Error('not base64');
      return;
    }
    let at = 0;
    for (let start = 0; start < text.length; start += PIECE_OF_TEXT) {
      const piece = atob(text.slice(start, start + PIECE_OF_TEXT));
      for (let i = 0; i < piece.length; i++) target[at++] = piece.charCodeAt(i);
    }
    if (at !== target.length) throw new Error('not base64');
  }

  /** Call `use` with the memory of a Python object that has the buffer protocol. */
  function withBytes(object, use) {
    const buffer = object.getBuffer('u8');
    try {
      return use(buffer.data);
    } finally {
      buffer.release();
    }
  }

  const encoder = new TextEncoder();

  /** The content of a contents model, to copy into Python's memory. */
  class Content {
    constructor(format, content) {
      this.bytes = null;
      this.text = null;
      this.blob = null;
      if (content instanceof Blob) {
        this.blob = content;
        this.length = content.size;
        return;
      }
      if (content === null || content === undefined || content === '') {
        this.bytes = new Uint8Array();
      } else if (format === 'json' && typeof content !== 'string') {
        this.bytes = encoder.encode(JSON.stringify(content));
      } else if (format === 'base64') {
        this.text = lengthOf(content) < 0 ? content.replace(/\s/g, '') : content;
      } else {
        this.bytes = encoder.encode(content);
      }
      this.length = this.bytes ? this.bytes.length : lengthOf(this.text);
    }

    /** Return it as an array, which the caller may change. */
    toBytes() {
      if (this.bytes) return this.bytes;
      const bytes = new Uint8Array(this.length);
      decodeInto(bytes, this.text);
      return bytes;
    }

    /** Copy it into a Python object of this length. */
    fill(target) {
      withBytes(target, bytes => {
        if (this.bytes) bytes.set(this.bytes);
        else if (this.blob) readInto(bytes, this.blob);
        else decodeInto(bytes, this.text);
      });
    }
  }

  /** Read a Blob in pieces, so that memory holds no second copy of it. */
  function readInto(target, blob) {
    const reader = new FileReaderSync();
    for (let start = 0; start < blob.size; start += PIECE_OF_BLOB) {
      const piece = blob.slice(start, start + PIECE_OF_BLOB);
      target.set(new Uint8Array(reader.readAsArrayBuffer(piece)), start);
    }
  }

  /** Parse a notebook. Return null if the bytes are not one. */
  function notebookIn(bytes) {
    try {
      const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      return value && typeof value === 'object' && Array.isArray(value.cells) ? value : null;
    } catch {
      return null;
    }
  }

  /** Return the format and content of a contents model for these bytes. */
  function modelOf(path, object) {
    return withBytes(object, bytes => modelOfBytes(path, bytes));
  }

  function modelOfBytes(path, bytes) {
    const size = bytes.length;
    const notebook = isNotebook(path) ? notebookIn(bytes) : null;
    if (notebook) return { format: 'json', content: notebook, size };
    // Base64 keeps every byte. The drive writes a file of format "text" back without
    // its byte-order mark, and damages it if it is not UTF-8.
    return { format: 'base64', content: encode(bytes), size };
  }

  /** The same as a Blob for a file that is too large for a record, else null. */
  function largeModelOf(object) {
    return withBytes(object, bytes => {
      if (bytes.length <= MOST_IN_RECORD) return null;
      return { format: LARGE, content: new Blob([bytes]), size: bytes.length };
    });
  }

  function isNotebook(path) {
    return path.toLowerCase().endsWith('.ipynb');
  }

  /** Return whether a claim is still valid. Its name begins with its time. */
  function isLive(name) {
    return Date.now() - Number.parseInt(name, 10) < LEASE;
  }

  /** Return whether a status means that the file does not exist. */
  function isMissing(status) {
    return [403, 404, 410].includes(status);
  }

  function contentOf(bytes) {
    const content = new Content('text', '');
    content.bytes = bytes;
    content.length = bytes.length;
    return content;
  }

  return {
    CLAIMS, isLive, isMissing, contentOf, LARGE, Refusal, encode, lengthOf, decodeInto, withBytes, Content,
    modelOf, modelOfBytes, largeModelOf, isNotebook,
  };
})()
