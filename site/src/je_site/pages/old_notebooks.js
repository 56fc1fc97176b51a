// Upgrades notebooks of format 3 (before 2015), as nbformat.v4.convert does.

const MIME_TYPES = {
  text: 'text/plain',
  html: 'text/html',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpeg: 'image/jpeg',
  latex: 'text/latex',
  json: 'application/json',
  javascript: 'application/javascript',
  pdf: 'application/pdf',
};
const LARGEST_HEADING = 6;

/** Return a notebook of format 3 in format 4. */
export function upgraded(old) {
  const { name: _, signature: __, ...metadata } = old.metadata ?? {};
  const sheets = Array.isArray(old.worksheets) ? old.worksheets : [];
  const cells = sheets.flatMap(sheet => (Array.isArray(sheet?.cells) ? sheet.cells : []));
  return { nbformat: 4, nbformat_minor: 4, metadata, cells: cells.map(upgradedCell) };
}

function upgradedCell(cell) {
  const metadata = { ...cell?.metadata };
  if (cell?.cell_type === 'code') {
    if (cell.collapsed !== undefined) metadata.collapsed = cell.collapsed;
    return {
      cell_type: 'code',
      metadata,
      source: cell.input ?? '',
      execution_count: cell.prompt_number ?? null,
      outputs: (cell.outputs ?? []).map(upgradedOutput),
    };
  }
  if (cell?.cell_type === 'heading') {
    const level = Math.min(Math.max(Number(cell.level) || 1, 1), LARGEST_HEADING);
    const lines = [].concat(cell.source ?? '').join('').split('\n');
    const line = lines.map(part => part.trim()).filter(Boolean).join(' ');
    return { cell_type: 'markdown', metadata, source: `${'#'.repeat(level)} ${line}` };
  }
  const kind = cell?.cell_type === 'html' ? 'markdown' : cell?.cell_type;
  return { cell_type: kind, metadata, source: cell?.source ?? '' };
}

function upgradedOutput(output) {
  const kind = output?.output_type;
  if (kind === 'stream') {
    return { output_type: 'stream', name: output.stream ?? 'stdout', text: output.text ?? '' };
  }
  if (kind === 'pyerr') {
    const { ename = '', evalue = '', traceback = [] } = output;
    return { output_type: 'error', ename, evalue, traceback };
  }
  const data = {};
  for (const [key, mime] of Object.entries(MIME_TYPES)) {
    if (output?.[key] !== undefined) data[mime] = key === 'json' ? parsedJson(output[key]) : output[key];
  }
  const shown = { data, metadata: output?.metadata ?? {} };
  if (kind !== 'pyout') return { output_type: 'display_data', ...shown };
  return { output_type: 'execute_result', execution_count: output.prompt_number ?? null, ...shown };
}

function parsedJson(text) {
  try {
    return JSON.parse([].concat(text).join(''));
  } catch {
    return text;
  }
}
