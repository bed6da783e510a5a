// Answers whoever speaks to it, or shows what it is told to show and tells who follows that.
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('message', (event) => {
  const { data, source } = event;
  if (data.show) event.waitUntil(registration.showNotification(data.show));
  else source.postMessage(0);
});
addEventListener('notificationclick', (event) => {
  const told = clients.matchAll().then((pages) => pages.forEach((page) => page.postMessage({ title: event.notification.title })));
  event.waitUntil(told);
});
