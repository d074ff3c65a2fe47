// The token that proves a request comes from our own page.
const meta = () => document.querySelector('meta[name="csrf-token"]');

export const token = () => meta()?.content ?? "";

// After a new sign-in in another tab this page still holds the old token: fetch a fresh one.
export async function renewToken() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector('meta[name="csrf-token"]')?.content;
  if (!fresh || !meta()) return false;
  meta().content = fresh;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = fresh;
  return true;
}
