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

  // place puts a panel's note beside a point of its view box, inside the panel.
  function place(panel, svg, tip, px, py) {
    tip.hidden = false;
    var scale = svg.clientWidth / svg.viewBox.baseVal.width, left = px * scale + 10, top = py * scale + 4;
    if (left + tip.offsetWidth > panel.clientWidth) left = px * scale - tip.offsetWidth - 10;
    if (top + tip.offsetHeight > svg.clientHeight) top = svg.clientHeight - tip.offsetHeight;
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = Math.max(0, top) + "px";
  }
  // at is where the pointer is in the view box.
  function at(svg, event) {
    var box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    return { x: (event.clientX - box.left) / box.width * view.width, y: (event.clientY - box.top) / box.height * view.height };
  }
  function mark(svg, name, cls) {
    var e = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    e.setAttribute("class", cls);
    e.style.display = "none";
    return e;
  }
  // watch calls show for the pointer and key for the keyboard; key returns whether it knew the key.
  function watch(panel, point, key, hide) {
    panel.addEventListener("pointermove", point);
    panel.addEventListener("pointerdown", point);
    panel.addEventListener("pointerleave", hide);
    panel.addEventListener("blur", hide);
    panel.addEventListener("keydown", function (event) {
      if (event.key === "Escape") hide();
      else if (!key(event.key)) return;
      event.preventDefault();
    });
  }

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
      place(panel, svg, tip, px, a.top);
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

  var hover = JSON.parse(document.getElementById("hover").textContent) || {};

  // Boxes, bars, lines and dots: the nearest says what it is.
  document.querySelectorAll("[data-spots]").forEach(function (panel) {
    var set = hover.spots[Number(panel.dataset.spots) - 1], current = -1;
    var svg = panel.querySelector("svg"), tip = panel.querySelector(".tip"), ring = mark(svg, "circle", "cell");
    ring.setAttribute("r", 5);
    function hide() { current = -1; tip.hidden = true; ring.style.display = "none"; }
    function show(i) {
      current = (i + set.x.length) % set.x.length;
      ring.setAttribute("cx", set.x[current]);
      ring.setAttribute("cy", set.y[current]);
      ring.style.display = "";
      tip.textContent = set.text[current];
      place(panel, svg, tip, set.x[current], set.y[current]);
    }
    watch(panel, function (event) {
      var p = at(svg, event), best = -1, least = set.near < 0 ? 1e4 : set.near;
      set.x.forEach(function (x, i) {
        var d = set.near < 0 ? Math.abs(x - p.x) : Math.hypot(x - p.x, set.y[i] - p.y);
        if (d < least) { least = d; best = i; }
      });
      if (best < 0) hide();
      else show(best);
    }, function (key) {
      if (key === "ArrowRight" || key === "ArrowDown") show(current + 1);
      else if (key === "ArrowLeft" || key === "ArrowUp") show(current < 0 ? -1 : current - 1);
      else return false;
      return true;
    }, hide);
  });

  // Maps of checkpoints: colours to choose, and the path of the model at the pointer.
  document.querySelectorAll("[data-map]").forEach(function (figure) {
    var map = hover.maps[Number(figure.dataset.map) - 1], chooser = figure.querySelector(".switch");
    var views = Array.from(figure.querySelectorAll(".panel")).map(function (panel) {
      return { panel: panel, svg: panel.querySelector("svg"), tip: panel.querySelector(".tip"), dots: Array.from(panel.querySelectorAll(".dots circle")) };
    });
    chooser.hidden = false;
    function colour(key) {
      var codes = map.colours[key];
      views.forEach(function (v) {
        v.dots.forEach(function (dot, i) {
          var c = codes[i];
          dot.setAttribute("class", c === "-" ? "none" : c >= "a" ? "c" + (c.charCodeAt(0) - 97) : "s" + c);
        });
      });
      figure.querySelectorAll(".legend").forEach(function (l) { l.hidden = l.dataset.key !== key; });
    }
    chooser.addEventListener("change", function (event) { colour(event.target.value); });
    // A reload may keep another choice than the first.
    var chosen = chooser.querySelector("input:checked");
    if (chosen) colour(chosen.value);
    views.forEach(function (v) {
      v.x = v.dots.map(function (d) { return Number(d.getAttribute("cx")); });
      v.y = v.dots.map(function (d) { return Number(d.getAttribute("cy")); });
      v.path = mark(v.svg, "polyline", "path");
      v.ring = mark(v.svg, "circle", "cell");
      v.ring.setAttribute("r", 5);
    });
    var current = -1;
    function hide() {
      current = -1;
      views.forEach(function (v) { v.tip.hidden = true; v.path.style.display = v.ring.style.display = "none"; });
    }
    function show(i, view) {
      current = i;
      views.forEach(function (v) {
        var points = [];
        map.model.forEach(function (m, k) { if (m === map.model[i]) points.push(v.x[k] + "," + v.y[k]); });
        v.path.setAttribute("points", points.join(" "));
        v.ring.setAttribute("cx", v.x[i]);
        v.ring.setAttribute("cy", v.y[i]);
        v.path.style.display = v.ring.style.display = "";
        v.tip.hidden = true;
      });
      var text = map.models[map.model[i]] + "\nepoch  " + map.epoch[i];
      if (map.accuracy[i] >= 0) text += "\ntest accuracy  " + map.accuracy[i].toFixed(4);
      if (map.hyper[map.model[i]]) text += "\n" + map.hyper[map.model[i]];
      view.tip.textContent = text;
      place(view.panel, view.svg, view.tip, view.x[i], view.y[i]);
    }
    // other is the same epoch of another model, or its last one before.
    function other(step) {
      if (current < 0) return 0;
      var m = (map.model[current] + step + map.models.length) % map.models.length, found = map.model.indexOf(m);
      while (found + 1 < map.model.length && map.model[found + 1] === m && map.epoch[found + 1] <= map.epoch[current]) found++;
      return found;
    }
    views.forEach(function (v) {
      watch(v.panel, function (event) {
        var p = at(v.svg, event), best = -1, least = 14;
        v.x.forEach(function (x, i) {
          var d = Math.hypot(x - p.x, v.y[i] - p.y);
          if (d < least) { least = d; best = i; }
        });
        if (best < 0) hide();
        else if (best !== current || v.tip.hidden) show(best, v);
      }, function (key) {
        var n = map.model.length;
        if (key === "ArrowRight") show((current + 1) % n, v);
        else if (key === "ArrowLeft") show(current < 0 ? n - 1 : (current - 1 + n) % n, v);
        else if (key === "ArrowUp") show(other(1), v);
        else if (key === "ArrowDown") show(other(-1), v);
        else return false;
        return true;
      }, hide);
    });
  });

  // Matrices: the pair at the pointer.
  document.querySelectorAll("[data-matrix]").forEach(function (panel) {
    var m = hover.matrices[Number(panel.dataset.matrix) - 1], n = m.names.length, a = m.area, row = -1, column = -1;
    var svg = panel.querySelector("svg"), tip = panel.querySelector(".tip"), cell = mark(svg, "rect", "cell");
    var wide = (a.right - a.left) / (a.xMax - a.xMin), high = (a.bottom - a.top) / (a.yMax - a.yMin);
    cell.setAttribute("width", wide);
    cell.setAttribute("height", high);
    function hide() { row = column = -1; tip.hidden = true; cell.style.display = "none"; }
    function name(i) { return (i + 1) + ".  " + m.names[i] + (m.notes[i] ? "\n    " + m.notes[i] : ""); }
    function show(i, j) {
      row = Math.max(0, Math.min(n - 1, i));
      column = Math.max(0, Math.min(n - 1, j));
      var low = Math.min(row, column), up = Math.max(row, column), text = name(row);
      if (low !== up) {
        var v = m.values[low * (2 * n - low - 1) / 2 + up - low - 1];
        text += "\n" + name(column) + "\nagreement  " + (v < 0 ? "–" : (v / 1e4).toFixed(4));
      }
      var x = a.left + column * wide, y = a.top + row * high;
      cell.setAttribute("x", x);
      cell.setAttribute("y", y);
      cell.style.display = "";
      tip.textContent = text;
      place(panel, svg, tip, x + wide, y + high);
    }
    watch(panel, function (event) {
      var p = at(svg, event), j = Math.floor((p.x - a.left) / wide), i = Math.floor((p.y - a.top) / high);
      if (i < 0 || j < 0 || i >= n || j >= n) hide();
      else show(i, j);
    }, function (key) {
      if (key === "ArrowRight") show(row, column + 1);
      else if (key === "ArrowLeft") show(row, column - 1);
      else if (key === "ArrowDown") show(row + 1, column);
      else if (key === "ArrowUp") show(row - 1, column);
      else return false;
      return true;
    }, hide);
  });
})();
