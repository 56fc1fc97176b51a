// Finds the regular expressions of scripts with Node's own parser, and times them.
'use strict';
const fs = require('node:fs');
const vm = require('node:vm');

const SIZES = [4096, 8192, 16384, 32768];
const FLOOR = 2;
const GROWTH = 2.7;
// More than a busy machine keeps one that is quick from its end.
const LONGEST = 4000;

function find(paths) {
  const acorn = require('internal/deps/acorn/acorn/dist/acorn');
  return paths.flatMap(path => {
    const found = [];
    const text = fs.readFileSync(path, 'utf8');
    acorn.parse(text, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      allowReturnOutsideFunction: true,
      allowAwaitOutsideFunction: true,
      locations: true,
      onToken: token => {
        if (token.type.label === 'regexp') {
          const { pattern: source, flags } = token.value;
          found.push({ where: `${path}:${token.loc.start.line}`, source, flags });
        }
      }
    });
    return found;
  });
}

const context = vm.createContext({});
const script = new vm.Script('text.replace(pattern, "")');

/** Milliseconds of a processor, for those of a clock are the neighbours' as well. */
function milliseconds(pattern, text) {
  pattern.lastIndex = 0;
  Object.assign(context, { pattern, text });
  const begun = process.cpuUsage();
  script.runInContext(context, { timeout: LONGEST });
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1e3;
}

function grows(pattern, [before, pump, after]) {
  const text = size => before + pump.repeat(size / pump.length) + after;
  const quickest = size => Math.min(...[0, 1, 2].map(() => milliseconds(pattern, text(size))));
  try {
    milliseconds(pattern, text(64));
    if (milliseconds(pattern, text(SIZES.at(-1))) < FLOOR) {
      return false;
    }
    // Each of these must confirm it.
    return [1, 1, 2].every(scale => {
      const times = SIZES.map(size => quickest(scale * size));
      return times.at(-1) > FLOOR && times.at(-1) > GROWTH * times.at(-2) && times.at(-2) > GROWTH * times.at(-3);
    });
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw error;
    }
    return true;
  }
}

function run(items) {
  return items.flatMap(({ where, source, flags, attacks }) => {
    const pattern = new RegExp(source, flags.includes('g') ? flags : `${flags}g`);
    const slow = attacks.find(attack => grows(pattern, attack));
    return slow ? [`${where}: /${source}/ with ${JSON.stringify(slow)}`] : [];
  });
}

const sent = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(process.argv[2] === 'find' ? find(sent) : run(sent)));
