//===- ReportPage.cpp - What quantization did, to look at -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// report.html: a bar per layer as SVG, in one file without scripts.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/ReportPage.h"
#include <algorithm>
#include <cstdio>
#include <numeric>

namespace fp4::model {

/// Layers that the page names as the ones that hurt.
static constexpr size_t kWorst = 10;

std::vector<size_t> worstFirst(const std::vector<LayerError> &layers) {
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return layers[a].error != layers[b].error
               ? layers[a].error > layers[b].error
               : a < b;
  });
  return order;
}

static std::string escape(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else
      result += c;
  }
  return result;
}

template <typename... Values>
static std::string format(const char *pattern, Values... values) {
  char text[160];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

/// A bar per layer, and a line where rounding to nearest would end.
static std::string plot(const std::vector<LayerError> &layers,
                        const std::vector<size_t> &order) {
  constexpr int kRow = 16, kLeft = 300, kWidth = 560;
  double largest = 1e-30;
  for (const LayerError &layer : layers)
    largest = std::max({largest, layer.error, layer.errorRTN});
  std::vector<bool> isWorst(layers.size());
  for (size_t i = 0; i < std::min(kWorst, order.size()); ++i)
    isWorst[order[i]] = true;
  std::string svg = format("<svg width=\"%d\" height=\"%d\">\n",
                           kLeft + kWidth + 90, kRow * int(layers.size()) + 4);
  for (size_t i = 0; i < layers.size(); ++i) {
    int y = kRow * int(i);
    double width = kWidth * layers[i].error / largest;
    double rtn = kLeft + kWidth * layers[i].errorRTN / largest;
    svg += format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", kLeft - 6,
                  y + 12) +
           escape(layers[i].name) + "</text>" +
           format("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" "
                  "height=\"12\"/>",
                  isWorst[i] ? "worst" : "layer", kLeft, y + 2, width) +
           format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", rtn,
                  rtn, y + 1, y + 15) +
           format("<text x=\"%.1f\" y=\"%d\">%.2e</text>\n", kLeft + width + 4,
                  y + 12, layers[i].error);
  }
  return svg + "</svg>\n";
}

static std::string row(const std::string &first, const std::string &second) {
  return "<tr><td>" + escape(first) + "</td><td>" + escape(second) +
         "</td></tr>\n";
}

std::string toHTML(const ReportPage &page) {
  std::vector<size_t> order = worstFirst(page.layers);
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<meta "
                     "charset=\"utf-8\">\n<title>" +
                     escape(page.title) +
                     "</title>\n<style>body { font: 13px sans-serif } "
                     "td { padding-right: 2em } svg { font-size: 11px } "
                     ".layer { fill: #4a7ab5 } .worst { fill: #c44 } "
                     "line { stroke: #222 }</style>\n<h1>" +
                     escape(page.title) + "</h1>\n<table>\n";
  for (const auto &[what, value] : page.facts)
    html += row(what, value);
  html += "</table>\n<h2>Layers that hurt most</h2>\n<table>\n";
  for (size_t i = 0; i < std::min(kWorst, order.size()); ++i) {
    const LayerError &layer = page.layers[order[i]];
    html += row(layer.name, format("%.3e (%.3e by rounding to nearest)",
                                   layer.error, layer.errorRTN));
  }
  return html +
         "</table>\n<h2>Relative squared error of each layer's output</h2>\n"
         "<p>The line is rounding to nearest; red are the layers above.</p>\n" +
         plot(page.layers, order) + "</html>\n";
}

} // namespace fp4::model
