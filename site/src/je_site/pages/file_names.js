// Makes names of notebooks that are valid on every operating system and in JupyterLite.

const EXTENSION = '.ipynb';
const LONGEST = 200; // bytes of UTF-8: below every file system's 255, with room for " (1)"
// What Windows allows in no name, the percent sign that JupyterLite takes for a code, controls
// and the characters that turn around how the rest is shown.
const UNFIT = /[\u0000-\u001f\u007f-\u009f<>:"|?*%\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]+/gu;
const LONE_SURROGATE = /[\ud800-\udfff]/gu;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)$/i;
const encoder = new TextEncoder();

function shortened(stem) {
  let short = stem;
  while (encoder.encode(short).length > LONGEST) short = [...short].slice(0, -1).join('');
  return short;
}

/** Return the file name of a notebook, made of the name that a file has or of a title. */
export function notebookName(text, otherwise = 'notebook') {
  const last = text.split(/[/\\]/).filter(part => part.trim()).pop() ?? '';
  const bare = last
    .replace(LONE_SURROGATE, ' ')
    .normalize('NFC')
    .replace(UNFIT, ' ')
    .replace(/\s+/gu, ' ')
    // What browsers and mail programs add to a file they do not know.
    .trimEnd()
    .replace(/(\.ipynb)?(\.(json|txt))?$/iu, '')
    .replace(/^[\s.\u2024\ufe52\uff0e]+|(?<![\s.])[\s.]+$/gu, '');
  const stem = shortened([...bare].slice(0, LONGEST).join('')).replace(/(?<![\s.])[\s.]+$/u, '') || otherwise;
  return (DEVICE.test(stem) ? `_${stem}` : stem) + EXTENSION;
}

/** Return a name with a number: "rain.ipynb", "rain (1).ipynb", "rain (2).ipynb" … */
export function numbered(name, number) {
  if (number === 0) return name;
  const stem = name.slice(0, -EXTENSION.length);
  const [, base, before] = /^(.+) \((\d{1,4})\)$/u.exec(stem) ?? [null, stem, '0'];
  return `${base} (${Number(before) + number})${EXTENSION}`;
}

/** Return a name as one shows it, without its extension. */
export function shownName(name) {
  return name.toLowerCase().endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : name;
}
