
"use strict";
/* Optional: lays the second picture of a pair over the first, with a slider. Without it both are shown in turn. */
document.querySelectorAll(".pair").forEach(function (pair) {
  var pictures = pair.querySelectorAll("figure img");
  if (pictures.length !== 2) { return; }
  var box = document.createElement("div"), stack = document.createElement("div");
  var slider = document.createElement("input"), row = document.createElement("div"), apart = document.createElement("button");
  box.className = "compare";
  stack.className = "stack";
  stack.style.setProperty("--ar", getComputedStyle(pair).getPropertyValue("--ar"));
  pictures.forEach(function (picture) {
    var copy = document.createElement("img");
    copy.src = picture.src;
    copy.alt = picture.alt;
    stack.appendChild(copy);
  });
  slider.type = "range";
  slider.min = "0";
  slider.max = "100";
  slider.value = "50";
  slider.setAttribute("aria-label", "Slide between the two pictures");
  function cut() { stack.style.setProperty("--cut", slider.value + "%"); }
  slider.addEventListener("input", cut);
  cut();
  row.className = "controls";
  function word(text) {
    var span = document.createElement("span");
    span.textContent = text;
    return span;
  }
  row.append(word(pair.dataset.left), slider, word(pair.dataset.right), apart);
  apart.type = "button";
  function show(live) {
    pair.classList.toggle("live", live);
    apart.textContent = live ? "Show one after the other" : "Compare with a slider";
  }
  apart.addEventListener("click", function () { show(!pair.classList.contains("live")); });
  box.append(stack, row);
  pair.prepend(box);
  show(true);
});
