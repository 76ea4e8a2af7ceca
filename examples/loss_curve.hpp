// A loss curve as a picture: an SVG of a few kilobytes, without any library.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/train/progress.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace loss_curve {

/// The distance of ticks: 1, 2 or 5 times a power of ten, so that about `count` of them fit.
inline double tick_distance(double range, double count) {
  const double raw = range / count, power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double nice : {1.0, 2.0, 5.0})
    if (raw <= nice * power) return nice * power;
  return 10 * power;
}

/// A stretch of an axis and where it lies in the picture.
struct Axis {
  double low, high, from, to;
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
  std::vector<double> ticks(double count) const {
    const double step = tick_distance(high - low, count);
    std::vector<double> all;
    for (double i = std::ceil(low / step); i * step <= high * (1 + 1e-12); ++i) all.push_back(i * step);
    return all;
  }
};

/// Means of neighbours, so that a long run is no hedge: at most `most` points, each at its group's last step.
inline std::vector<bora::LossPoint> thinned(const std::vector<bora::LossPoint>& points, std::size_t most) {
  const std::size_t group = (points.size() + most - 1) / std::max<std::size_t>(most, 1);
  if (group <= 1) return points;
  std::vector<bora::LossPoint> means;
  for (std::size_t first = 0; first < points.size(); first += group) {
    const std::size_t last = std::min(first + group, points.size());
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += points[i].loss;
    means.push_back({points[last - 1].step, sum / static_cast<double>(last - first)});
  }
  return means;
}

/// Draws into a stream, which writes numbers with six digits at most, and none in vain.
class Picture {
 public:
  Picture(double width, double height) {
    out_ << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << ' ' << height
         << "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }
  void stroke(double x1, double y1, double x2, double y2, std::string_view colour) {
    out_ << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2 << "\" stroke=\"" << colour
         << "\"/>\n";
  }
  template <class Words>
  void label(double x, double y, std::string_view anchor, const Words& words, std::string_view colour = "#444") {
    out_ << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\" fill=\"" << colour << "\">"
         << words << "</text>\n";
  }
  void curve(const std::vector<bora::LossPoint>& points, const Axis& x, const Axis& y, std::string_view colour) {
    out_ << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"1.5\" points=\"";
    for (const bora::LossPoint& p : points) out_ << x.at(static_cast<double>(p.step)) << ',' << y.at(p.loss) << ' ';
    out_ << "\"/>\n";
  }
  void dots(const std::vector<bora::LossPoint>& points, const Axis& x, const Axis& y, std::string_view colour) {
    for (const bora::LossPoint& p : points)
      out_ << "<circle cx=\"" << x.at(static_cast<double>(p.step)) << "\" cy=\"" << y.at(p.loss)
           << "\" r=\"2.5\" fill=\"" << colour << "\"/>\n";
  }
  std::string text() const { return out_.str() + "</svg>\n"; }

 private:
  std::ostringstream out_;
};

/// The picture. Steps run to the right, losses (natural logarithm, a token) up.
inline std::string svg(const bora::LossHistory& history) {
  constexpr double width = 720, height = 400, left = 60, right = 20, top = 30, bottom = 50;
  constexpr std::string_view grey = "#444", blue = "#1f6fb4", orange = "#d95f02";
  const std::vector<bora::LossPoint> training = thinned(history.training, 600);
  double low = std::numeric_limits<double>::infinity(), high = 0, last = 2;
  for (const auto* points : {&training, &history.held_out})
    for (const bora::LossPoint& p : *points) {
      low = std::min(low, p.loss);
      high = std::max(high, p.loss);
      last = std::max(last, static_cast<double>(p.step));
    }
  if (!(low < high)) low = 0, high = std::max(high, 1.0);
  const double air = (high - low) / 20;
  const Axis x{1, last, left, width - right}, y{std::max(0.0, low - air), high + air, height - bottom, top};

  Picture picture(width, height);
  for (const double tick : y.ticks(6)) {
    picture.stroke(x.from, y.at(tick), x.to, y.at(tick), "#ddd");
    picture.label(x.from - 8, y.at(tick) + 4, "end", tick);
  }
  for (const double tick : x.ticks(8)) {
    picture.stroke(x.at(tick), y.from, x.at(tick), y.from + 5, grey);
    picture.label(x.at(tick), y.from + 20, "middle", tick);
  }
  picture.stroke(x.from, y.from, x.to, y.from, grey);
  picture.stroke(x.from, y.from, x.from, y.to, grey);
  picture.label((x.from + x.to) / 2, height - 10, "middle", "step");
  picture.label(x.from, top - 12, "middle", "loss");
  picture.curve(training, x, y, blue);
  picture.label(x.to, top - 12, "end", "training", blue);
  if (history.held_out.empty()) return picture.text();
  picture.curve(history.held_out, x, y, orange);
  picture.dots(history.held_out, x, y, orange);
  picture.label(x.to - 70, top - 12, "end", "held out", orange);
  return picture.text();
}

/// Writes the picture beside its place and moves it there.
inline void write(const std::filesystem::path& path, const bora::LossHistory& history) {
  bora::write_file(path, svg(history));
}

}  // namespace loss_curve
