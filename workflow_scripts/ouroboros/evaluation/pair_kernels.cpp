// The sums over neighbours of SchNet and PaiNN, and their derivatives, for all members of a committee.
//
// A filter depends on the distance alone, and that of i-j is that of j-i: each pair comes once and serves both atoms.
// Filters come as tables, one polynomial of degree 5 for each interval of the distance, and live in registers only:
// nothing of the size pairs x features is ever written to memory. Members and systems are independent of each other and
// are shared out to the threads.
//
// Arrays are contiguous. Sizes: members M, systems S, atoms N, pairs P, features F, intervals of the table I.
//   table (M, I, 6, filters), filters F for SchNet and 3 F for PaiNN; distance (M, P); direction (M, P, 3), from i to j;
//   pairs of system s are those from starts[s] to starts[s + 1]. Outputs come in as zeros.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int COEFFICIENTS = 6;

struct Sizes {
    int64_t members, systems, atoms, pairs, features, intervals, threads;
    double cutoff;
};

struct List {
    const int32_t *i, *j, *starts;
};

// The filters at one distance: a row of polynomials, one a filter, and their argument, from 0 to 1. NaN stays NaN.
template <typename T>
struct Filters {
    const T *c0, *c1, *c2, *c3, *c4, *c5;
    T t;

    Filters(const T *table, T distance, const Sizes &size, int64_t filters) {
        const T scaled = distance * T(size.intervals / size.cutoff);
        const int64_t interval = distance == distance ? std::min(int64_t(scaled), size.intervals - 1) : 0;
        c0 = table + interval * COEFFICIENTS * filters;
        c1 = c0 + filters, c2 = c1 + filters, c3 = c2 + filters, c4 = c3 + filters, c5 = c4 + filters;
        t = scaled - T(interval);
    }
    T value(int64_t f) const { return ((((c5[f] * t + c4[f]) * t + c3[f]) * t + c2[f]) * t + c1[f]) * t + c0[f]; }
    T slope(int64_t f) const {  // by the argument
        return (((5 * c5[f] * t + 4 * c4[f]) * t + 3 * c3[f]) * t + 2 * c2[f]) * t + c1[f];
    }
};

// Calls `visit(m, p, i, j)` for every pair within the cutoff of every member, systems shared out to the threads.
template <typename T, typename Visit>
inline void each_pair(const Sizes &size, const List &list, const T *distance, Visit visit) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(size.threads)
    for (int64_t task = 0; task < size.members * size.systems; ++task) {
        const int64_t m = task / size.systems, s = task % size.systems;
        for (int64_t p = list.starts[s]; p < list.starts[s + 1]; ++p)
            if (!(distance[m * size.pairs + p] >= T(size.cutoff))) visit(m, p, list.i[p], list.j[p]);
    }
}

// An atom and its own periodic image: the two ends of the pair would write to one place, so that one end gets its own.
template <typename T>
struct Ends {
    T *of_i, *of_j;
    std::vector<T> own;
    int64_t width;

    Ends(T *array, int64_t i, int64_t j, int64_t width)
        : of_i(array + i * width), of_j(array + j * width), own(i == j ? width : 0, T(0)), width(width) {
        if (i == j) of_j = own.data();
    }
    ~Ends() {
        if (own.size()) for (int64_t f = 0; f < width; ++f) of_i[f] += own[f];
    }
};

// --- SchNet: out_i = sum_j W(r_ij) x_j

template <typename T>
void schnet(const Sizes &size, const List &list, const T *table, const T *distance, const T *x, T *out) {
    const int64_t F = size.features;
    each_pair(size, list, distance, [=](int64_t m, int64_t p, int64_t i, int64_t j) {
        const Filters<T> w(table + m * size.intervals * COEFFICIENTS * F, distance[m * size.pairs + p], size, F);
        const T *xi = x + (m * size.atoms + i) * F, *xj = x + (m * size.atoms + j) * F;
        Ends<T> ends(out + m * size.atoms * F, i, j, F);
        T *oi = ends.of_i, *oj = ends.of_j;
#pragma omp simd
        for (int64_t f = 0; f < F; ++f) {
            const T wf = w.value(f);
            oi[f] += wf * xj[f];
            oj[f] += wf * xi[f];
        }
    });
}

template <typename T>
void schnet_backward(const Sizes &size, const List &list, const T *table, const T *distance, const T *x, const T *g,
                     T *g_x, T *g_distance) {
    const int64_t F = size.features;
    const T per_distance = T(size.intervals / size.cutoff);
    each_pair(size, list, distance, [=](int64_t m, int64_t p, int64_t i, int64_t j) {
        const Filters<T> w(table + m * size.intervals * COEFFICIENTS * F, distance[m * size.pairs + p], size, F);
        const T *xi = x + (m * size.atoms + i) * F, *xj = x + (m * size.atoms + j) * F;
        const T *gi = g + (m * size.atoms + i) * F, *gj = g + (m * size.atoms + j) * F;
        Ends<T> ends(g_x + m * size.atoms * F, i, j, F);
        T *ki = ends.of_i, *kj = ends.of_j, along = 0;
#pragma omp simd reduction(+ : along)
        for (int64_t f = 0; f < F; ++f) {
            const T wf = w.value(f);
            along += w.slope(f) * (xj[f] * gi[f] + xi[f] * gj[f]);
            kj[f] += wf * gi[f];
            ki[f] += wf * gj[f];
        }
        g_distance[m * size.pairs + p] = along * per_distance;
    });
}

// --- PaiNN: with (a, b, c)_ij = W(r_ij) x_j, q_i = sum_j a_ij and v_i = sum_j b_ij d_ij + c_ij mu_j

template <typename T>
void painn(const Sizes &size, const List &list, const T *table, const T *distance, const T *direction, const T *x,
           const T *mu, T *q, T *v) {
    const int64_t F = size.features, F3 = 3 * F;
    each_pair(size, list, distance, [=](int64_t m, int64_t p, int64_t i, int64_t j) {
        const Filters<T> w(table + m * size.intervals * COEFFICIENTS * F3, distance[m * size.pairs + p], size, F3);
        const T *d = direction + 3 * (m * size.pairs + p), dx = d[0], dy = d[1], dz = d[2];
        const T *xi = x + (m * size.atoms + i) * F3, *xj = x + (m * size.atoms + j) * F3;
        const T *mi = mu + (m * size.atoms + i) * F3, *mj = mu + (m * size.atoms + j) * F3;
        Ends<T> ends_q(q + m * size.atoms * F, i, j, F), ends_v(v + m * size.atoms * F3, i, j, F3);
        T *qi = ends_q.of_i, *qj = ends_q.of_j, *vi = ends_v.of_i, *vj = ends_v.of_j;
#pragma omp simd
        for (int64_t f = 0; f < F; ++f) {
            const T wa = w.value(f), wb = w.value(F + f), wc = w.value(2 * F + f);
            qi[f] += wa * xj[f];
            qj[f] += wa * xi[f];
            const T bj = wb * xj[F + f], cj = wc * xj[2 * F + f];
            vi[f] += bj * dx + cj * mj[f];
            vi[F + f] += bj * dy + cj * mj[F + f];
            vi[2 * F + f] += bj * dz + cj * mj[2 * F + f];
            const T bi = wb * xi[F + f], ci = wc * xi[2 * F + f];
            vj[f] += ci * mi[f] - bi * dx;
            vj[F + f] += ci * mi[F + f] - bi * dy;
            vj[2 * F + f] += ci * mi[2 * F + f] - bi * dz;
        }
    });
}

template <typename T>
void painn_backward(const Sizes &size, const List &list, const T *table, const T *distance, const T *direction,
                    const T *x, const T *mu, const T *g_q, const T *g_v, T *g_x, T *g_mu, T *g_distance,
                    T *g_direction) {
    const int64_t F = size.features, F3 = 3 * F;
    const T per_distance = T(size.intervals / size.cutoff);
    each_pair(size, list, distance, [=](int64_t m, int64_t p, int64_t i, int64_t j) {
        const Filters<T> w(table + m * size.intervals * COEFFICIENTS * F3, distance[m * size.pairs + p], size, F3);
        const T *d = direction + 3 * (m * size.pairs + p), dx = d[0], dy = d[1], dz = d[2];
        const T *xi = x + (m * size.atoms + i) * F3, *xj = x + (m * size.atoms + j) * F3;
        const T *mi = mu + (m * size.atoms + i) * F3, *mj = mu + (m * size.atoms + j) * F3;
        const T *qi = g_q + (m * size.atoms + i) * F, *qj = g_q + (m * size.atoms + j) * F;
        const T *vi = g_v + (m * size.atoms + i) * F3, *vj = g_v + (m * size.atoms + j) * F3;
        Ends<T> ends_x(g_x + m * size.atoms * F3, i, j, F3), ends_mu(g_mu + m * size.atoms * F3, i, j, F3);
        T *xki = ends_x.of_i, *xkj = ends_x.of_j, *mki = ends_mu.of_i, *mkj = ends_mu.of_j;
        T along = 0, to_x = 0, to_y = 0, to_z = 0;
#pragma omp simd reduction(+ : along, to_x, to_y, to_z)
        for (int64_t f = 0; f < F; ++f) {
            const T wa = w.value(f), wb = w.value(F + f), wc = w.value(2 * F + f);
            const T vix = vi[f], viy = vi[F + f], viz = vi[2 * F + f];
            const T vjx = vj[f], vjy = vj[F + f], vjz = vj[2 * F + f];
            // the message of j to i
            const T a_j = qi[f], b_j = vix * dx + viy * dy + viz * dz;
            const T c_j = vix * mj[f] + viy * mj[F + f] + viz * mj[2 * F + f];
            // and of i to j, against the direction
            const T a_i = qj[f], b_i = -(vjx * dx + vjy * dy + vjz * dz);
            const T c_i = vjx * mi[f] + vjy * mi[F + f] + vjz * mi[2 * F + f];
            along += w.slope(f) * (xj[f] * a_j + xi[f] * a_i) +
                     w.slope(F + f) * (xj[F + f] * b_j + xi[F + f] * b_i) +
                     w.slope(2 * F + f) * (xj[2 * F + f] * c_j + xi[2 * F + f] * c_i);
            const T bj = wb * xj[F + f], bi = wb * xi[F + f], cj = wc * xj[2 * F + f], ci = wc * xi[2 * F + f];
            to_x += bj * vix - bi * vjx;
            to_y += bj * viy - bi * vjy;
            to_z += bj * viz - bi * vjz;
            xkj[f] += wa * a_j;
            xki[f] += wa * a_i;
            xkj[F + f] += wb * b_j;
            xki[F + f] += wb * b_i;
            xkj[2 * F + f] += wc * c_j;
            xki[2 * F + f] += wc * c_i;
            mkj[f] += cj * vix;
            mkj[F + f] += cj * viy;
            mkj[2 * F + f] += cj * viz;
            mki[f] += ci * vjx;
            mki[F + f] += ci * vjy;
            mki[2 * F + f] += ci * vjz;
        }
        g_distance[m * size.pairs + p] = along * per_distance;
        T *to = g_direction + 3 * (m * size.pairs + p);
        to[0] = to_x, to[1] = to_y, to[2] = to_z;
    });
}

}  // namespace

// What Python calls: each in single and in double precision.
#define EXPORT(T, SUFFIX)                                                                                              \
    void schnet_##SUFFIX(const Sizes *s, const List *l, const T *table, const T *r, const T *x, T *out) {              \
        schnet(*s, *l, table, r, x, out);                                                                              \
    }                                                                                                                  \
    void schnet_backward_##SUFFIX(const Sizes *s, const List *l, const T *table, const T *r, const T *x, const T *g,   \
                                  T *g_x, T *g_r) {                                                                    \
        schnet_backward(*s, *l, table, r, x, g, g_x, g_r);                                                             \
    }                                                                                                                  \
    void painn_##SUFFIX(const Sizes *s, const List *l, const T *table, const T *r, const T *d, const T *x,             \
                        const T *mu, T *q, T *v) {                                                                     \
        painn(*s, *l, table, r, d, x, mu, q, v);                                                                       \
    }                                                                                                                  \
    void painn_backward_##SUFFIX(const Sizes *s, const List *l, const T *table, const T *r, const T *d, const T *x,    \
                                 const T *mu, const T *g_q, const T *g_v, T *g_x, T *g_mu, T *g_r, T *g_d) {           \
        painn_backward(*s, *l, table, r, d, x, mu, g_q, g_v, g_x, g_mu, g_r, g_d);                                     \
    }

extern "C" {
EXPORT(float, float32)
EXPORT(double, float64)
}
