
const themes = THEMES;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const holders = [...document.querySelectorAll(".chart")].map((place) => {
  const spec = JSON.parse(place.querySelector("script").textContent);
  return { place, spec };
});
let theme = "";
async function draw(name) {
  if (name === theme) return;
  theme = name;
  for (const { place, spec } of holders) {
    await vegaEmbed(place, spec, { config: themes[name], actions: false, renderer: "svg" }).catch(console.error);
  }
  document.documentElement.dataset.drawn = name;
}
const wanted = () => (dark.matches ? "dark" : "light");
dark.addEventListener("change", () => draw(wanted()));
window.addEventListener("beforeprint", () => draw("light"));
window.addEventListener("afterprint", () => draw(wanted()));
draw(wanted());
