import js from '@eslint/js';
import globals from 'globals';

const ours = {
  jupyterapp: 'readonly',
  whenJupyterLabStarts: 'readonly',
};

export default [
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2025,
      globals: { ...globals.browser, ...globals.worker, ...globals.serviceworker, ...ours },
    },
    rules: {
      'no-control-regex': 'off', // names of files must not have such characters
      'no-unused-vars': ['error', { caughtErrors: 'none', ignoreRestSiblings: true }],
    },
  },
  {
    files: ['**/make_snapshot.mjs', '**/compile_wheels.mjs', '**/firefox_bidi.mjs'],
    languageOptions: { globals: globals.node },
  },
];
