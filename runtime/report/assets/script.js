"use strict";
(function () {
  // Sorting: numbers as numbers, the rest as text; a second click turns the order round.
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var body = table.tBodies[0];
    Array.from(table.tHead.rows[0].cells).forEach(function (th, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      th.textContent = "";
      th.appendChild(button);
      button.addEventListener("click", function () {
        var down = th.getAttribute("aria-sort") === "ascending";
        Array.from(table.tHead.rows[0].cells).forEach(function (c) { c.removeAttribute("aria-sort"); });
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        var rows = Array.from(body.rows).map(function (row) {
          var text = row.cells[column].textContent.trim();
          return { row: row, text: text, number: text === "" ? NaN : Number(text) };
        });
        rows.sort(function (a, b) {
          var order;
          if (!isNaN(a.number) && !isNaN(b.number)) order = a.number - b.number;
          else if (isNaN(a.number) !== isNaN(b.number)) return isNaN(a.number) ? 1 : -1;
          else order = a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
          return down ? -order : order;
        });
        rows.forEach(function (r) { body.appendChild(r.row); });
      });
    });
  });

  // Exact values on the learning curves: pointer, touch or arrow keys.
  var curves = JSON.parse(document.getElementById("curves").textContent) || [];
  var ns = "http://www.w3.org/2000/svg";
  document.querySelectorAll("[data-curve]").forEach(function (panel) {
    var curve = curves[Number(panel.dataset.curve) - 1];
    var svg = panel.querySelector("svg"), tip = panel.querySelector(".tip"), a = curve.area, at = -1;
    var line = svg.appendChild(document.createElementNS(ns, "line"));
    var mark = svg.appendChild(document.createElementNS(ns, "circle"));
    line.setAttribute("class", "cursor");
    line.setAttribute("y1", a.top);
    line.setAttribute("y2", a.bottom);
    mark.setAttribute("class", "cursor-dot");
    mark.setAttribute("r", 3.5);
    hide();

    function x(epoch) { return a.left + (a.right - a.left) * (epoch - a.xMin) / (a.xMax - a.xMin); }
    function y(v) {
      if (a.log) v = Math.log10(v);
      return a.bottom - (a.bottom - a.top) * (v - a.yMin) / (a.yMax - a.yMin);
    }
    function hide() { at = -1; tip.hidden = true; line.style.display = mark.style.display = "none"; }
    function show(i) {
      at = Math.max(0, Math.min(curve.epochs.length - 1, i));
      var q = curve.q[at].map(function (v) { return v.toFixed(4); }), px = x(curve.epochs[at]);
      line.setAttribute("x1", px);
      line.setAttribute("x2", px);
      mark.setAttribute("cx", px);
      mark.setAttribute("cy", y(curve.q[at][2]));
      line.style.display = mark.style.display = "";
      tip.textContent = "epoch " + curve.epochs[at] + "\nmedian  " + q[2] + "\n25–75 %  " + q[1] + " – " + q[3] + "\n5–95 %  " + q[0] + " – " + q[4];
      tip.hidden = false;
      var scale = svg.clientWidth / svg.viewBox.baseVal.width, left = px * scale + 10;
      if (left + tip.offsetWidth > panel.clientWidth) left = px * scale - tip.offsetWidth - 10;
      tip.style.left = Math.max(0, left) + "px";
      tip.style.top = (a.top * scale + 4) + "px";
    }
    function nearest(event) {
      var box = svg.getBoundingClientRect();
      var px = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width, best = 0;
      curve.epochs.forEach(function (e, i) { if (Math.abs(x(e) - px) < Math.abs(x(curve.epochs[best]) - px)) best = i; });
      show(best);
    }
    panel.addEventListener("pointermove", nearest);
    panel.addEventListener("pointerdown", nearest);
    panel.addEventListener("pointerleave", hide);
    panel.addEventListener("blur", hide);
    panel.addEventListener("keydown", function (event) {
      if (event.key === "ArrowRight") show(at + 1);
      else if (event.key === "ArrowLeft") show(at < 0 ? curve.epochs.length - 1 : at - 1);
      else if (event.key === "Escape") hide();
      else return;
      event.preventDefault();
    });
  });
})();
