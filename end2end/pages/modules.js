// Where the modules of installed packages are found, for pages that import them by name.
const folders = {
  codemirror: 'codemirror/dist/index.js',
  ...Object.fromEntries(
    ['autocomplete', 'commands', 'language', 'lint', 'search', 'state', 'streamparser', 'view'].map((name) => [`@codemirror/${name}`, `@codemirror/${name}/dist/index.js`]),
  ),
  ...Object.fromEntries(['common', 'highlight', 'lr'].map((name) => [`@lezer/${name}`, `@lezer/${name}/dist/index.js`])),
  ...Object.fromEntries(
    ['commands', 'history', 'keymap', 'model', 'schema-basic', 'state', 'transform', 'view'].map((name) => [`prosemirror-${name}`, `prosemirror-${name}/dist/index.js`]),
  ),
  '@marijn/find-cluster-break': '@marijn/find-cluster-break/src/index.js',
  crelt: 'crelt/index.js',
  orderedmap: 'orderedmap/dist/index.js',
  'rope-sequence': 'rope-sequence/dist/index.js',
  'style-mod': 'style-mod/src/style-mod.js',
  'w3c-keyname': 'w3c-keyname/index.js',
  three: 'three/build/three.module.js',
  'three/addons/': 'three/examples/jsm/',
};
const map = document.createElement('script');
map.type = 'importmap';
map.textContent = JSON.stringify({
  imports: Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, `/packages/${path}`])),
});
document.currentScript.after(map);
