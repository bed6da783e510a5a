// An element takes files that are dropped on it, and the page tells what it has.

const tell = async (type, target, files) => {
  const read = async (file) => ({ name: file.webkitRelativePath || file.name, type: file.type, text: await file.text() });
  record(type, { target, files: await Promise.all([...files].map(read)) });
};
// Where in it.
const within = ({ target, clientX, clientY }) => {
  const { x, y } = target.getBoundingClientRect();
  return { x: Math.round(clientX - x), y: Math.round(clientY - y) };
};
const take = (element) => {
  element.addEventListener('dragenter', () => record('dragenter', { target: element.id }));
  element.addEventListener('dragleave', () => record('dragleave', { target: element.id }));
  element.addEventListener('dragover', (event) => {
    event.preventDefault();
    const types = [...event.dataTransfer.items].map((item) => item.kind + ' ' + item.type);
    record('dragover', { target: element.id, types: types.join(), listed: String(event.dataTransfer.types), ...within(event) });
  });
  element.addEventListener('drop', (event) => {
    event.preventDefault();
    tell('drop', element.id, event.dataTransfer.files);
  });
};
