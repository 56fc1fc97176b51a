// How the stores keep bytes: base64, as fast as this browser has it, or a Blob.

export default (() => {
  const NATIVE = typeof Uint8Array.prototype.toBase64 === 'function' &&
    typeof Uint8Array.prototype.setFromBase64 === 'function';
  // Chromium puts no more than 127 MiB into one record of a database, and Firefox no more than
  // 255: base64 of this many bytes fits, and what is larger is kept as a Blob instead.
  const MOST_IN_RECORD = 90_000_000;
  // Where JupyterLite expects 'text', 'json' or 'base64'. It downloads, copies and renames such
  // a file as it is; where it would have to show it, it fails with "Invalid format " and this.
  const LARGE = '(above 90 MB: download the file, or read it with je_kernel.files)';
  // Where kernels that cannot use transactions say that they write: see `drive.js`.
  const CLAIMS = '.je-kernel-claims';
  const LEASE = 10_000; // milliseconds
  const PIECE_OF_BLOB = 16_777_216;
  // A multiple of three, so that only the last piece is padded; small enough to be arguments.
  const PIECE = 3 * 8192;
  const PIECE_OF_TEXT = 4 * 262_144;

  /** What cannot be done, and why: `name` says that it is ours. */
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

  /** Tell how many bytes a base64 text without white space stands for. */
  function lengthOf(text) {
    if (text.length % 4 !== 0) return -1;
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    return (text.length / 4) * 3 - padding;
  }

  /** Decode into an array of just the right length. Throws if the text is not base64. */
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

  /** Let `use` work on the memory of a Python object that has the buffer protocol. */
  function withBytes(object, use) {
    const buffer = object.getBuffer('u8');
    try {
      return use(buffer.data);
    } finally {
      buffer.release();
    }
  }

  const encoder = new TextEncoder();

  /** What a contents model holds, ready to be copied into Python's memory. */
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

    /** Return it as an array that is the caller's own. */
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

  /** Read a Blob piece by piece, so that no second copy of all of it is in memory. */
  function readInto(target, blob) {
    const reader = new FileReaderSync();
    for (let start = 0; start < blob.size; start += PIECE_OF_BLOB) {
      const piece = blob.slice(start, start + PIECE_OF_BLOB);
      target.set(new Uint8Array(reader.readAsArrayBuffer(piece)), start);
    }
  }

  /** Return the object that a notebook's bytes stand for, or null if it is no notebook. */
  function notebookIn(bytes) {
    try {
      const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      return value && typeof value === 'object' && Array.isArray(value.cells) ? value : null;
    } catch {
      return null;
    }
  }

  /** Return the format and content of the contents model that keeps these bytes. */
  function modelOf(path, object) {
    return withBytes(object, bytes => modelOfBytes(path, bytes));
  }

  function modelOfBytes(path, bytes) {
    const size = bytes.length;
    const notebook = isNotebook(path) ? notebookIn(bytes) : null;
    if (notebook) return { format: 'json', content: notebook, size };
    // Base64 keeps every byte, whoever writes the file again: as "text" the
    // drive would drop a byte-order mark and garble what is not UTF-8.
    return { format: 'base64', content: encode(bytes), size };
  }

  /** The same where a file is too large for that, or null where it is not. */
  function largeModelOf(object) {
    return withBytes(object, bytes => {
      if (bytes.length <= MOST_IN_RECORD) return null;
      return { format: LARGE, content: new Blob([bytes]), size: bytes.length };
    });
  }

  function isNotebook(path) {
    return path.toLowerCase().endsWith('.ipynb');
  }

  /** Tell whether a claim on the drive still holds: its name begins with its time. */
  function isLive(name) {
    return Date.now() - Number.parseInt(name, 10) < LEASE;
  }

  /** Tell whether an answer says that there is no such file, and not that something failed. */
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
