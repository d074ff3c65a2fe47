// A page that only passes something on: <form data-onward> sends itself, once.
const form = document.querySelector("[data-onward]");
// What a sign-in provider put into the address works once and belongs into no history.
history.replaceState(null, "", location.pathname);
form?.requestSubmit();
