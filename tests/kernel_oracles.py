"""What every kernel should return, computed slowly in float64 by loops that follow the formula.

Nothing here is shared with `kernels/`: windows are walked number by number, random bits are made
from Python integers. `test_kernels.py` holds the references against these.
"""

from __future__ import annotations

import itertools

import numpy as np


def contacts(x_shape, size, outputs, *, stride, padding, dilation=(1, 1)):
    """Every (n, p, q, i, j, row, column) where window (p, q) meets a number of x by its (i, j)."""
    N, H, W, _ = x_shape
    ranges = map(range, (N, *outputs, *size))
    for n, p, q, i, j in itertools.product(*ranges):
        row = p * stride[0] - padding[0][0] + i * dilation[0]
        column = q * stride[1] - padding[1][0] + j * dilation[1]
        if 0 <= row < H and 0 <= column < W:
            yield n, p, q, i, j, row, column


def count_outputs(x_shape, size, *, stride, padding, dilation=(1, 1)):
    """How many starts keep a whole (dilated) window inside the padded image, along both axes."""
    found = []
    for k in (0, 1):
        length = x_shape[1 + k] + sum(padding[k])
        last = (size[k] - 1) * dilation[k]
        found.append(sum(1 for start in range(0, length, stride[k]) if start + last < length))
    return tuple(found)


def group_slices(groups, channels, filters):
    for g in range(groups):
        c, o = channels // groups, filters // groups
        yield slice(g * c, g * c + c), slice(g * o, g * o + o)


def matmul(a, b):
    return np.einsum("...mk,...kn->...mn", a, b)


def activation(x, b, *, kind):
    z = x if b is None else x + b
    if kind == "relu":
        return np.where(z < 0, 0.0, z)
    if kind == "tanh":
        return 1 - 2 / (np.exp(2 * z) + 1)
    return 1 / (1 + np.exp(-z)) if kind == "sigmoid" else np.array(z)


def slope(y, kind):
    """f'(z), written by y = f(z)."""
    by_kind = {"relu": np.sign(y), "tanh": (1 - y) * (1 + y), "sigmoid": y - y**2}
    return by_kind.get(kind, np.ones_like(y))


def activation_grad(dy, y, *, kind):
    return dy * slope(y, kind)


def add(a, b, *, activation=None):
    return activated(a, b, activation)


def dense(x, w, b, *, activation=None):
    return activated(np.einsum("...i,io->...o", x, w), b, activation)


def activated(z, b, kind):
    return activation(z, b, kind=kind or "identity")


def conv2d(x, w, b, *, groups, activation=None, **geometry):
    outputs = count_outputs(x.shape, w.shape[:2], **geometry)
    y = np.zeros((len(x), *outputs, w.shape[3]))
    for n, p, q, i, j, row, column in contacts(x.shape, w.shape[:2], outputs, **geometry):
        for c, o in group_slices(groups, x.shape[3], w.shape[3]):
            y[n, p, q, o] += x[n, row, column, c] @ w[i, j, :, o]
    return activated(y, b, activation)


def conv2d_input_grad(dy, w, *, x_shape, groups, **geometry):
    dx = np.zeros(x_shape)
    for n, p, q, i, j, row, column in contacts(x_shape, w.shape[:2], dy.shape[1:3], **geometry):
        for c, o in group_slices(groups, x_shape[3], w.shape[3]):
            dx[n, row, column, c] += w[i, j, :, o] @ dy[n, p, q, o]
    return dx


def conv2d_weight_grad(x, dy, *, w_shape, groups, **geometry):
    dw = np.zeros(w_shape)
    for n, p, q, i, j, row, column in contacts(x.shape, w_shape[:2], dy.shape[1:3], **geometry):
        for c, o in group_slices(groups, x.shape[3], w_shape[3]):
            dw[i, j, :, o] += np.outer(x[n, row, column, c], dy[n, p, q, o])
    return dw


def max_pool2d(x, *, size, stride, padding):
    outputs = count_outputs(x.shape, size, stride=stride, padding=padding)
    y = np.zeros((len(x), *outputs, x.shape[3]))
    argmax = np.full(y.shape, -1, np.intp)
    seen = contacts(x.shape, size, outputs, stride=stride, padding=padding)
    for n, p, q, _, _, row, column in seen:
        for c in range(x.shape[3]):
            value, best = x[n, row, column, c], y[n, p, q, c]
            first = argmax[n, p, q, c] < 0
            if first or value > best or (np.isnan(value) and not np.isnan(best)):
                y[n, p, q, c] = value
                argmax[n, p, q, c] = np.ravel_multi_index((n, row, column, c), x.shape)
    return y, argmax


def max_pool2d_grad(dy, argmax, *, x_shape):
    dx = np.zeros(int(np.prod(x_shape)))
    for value, place in zip(dy.ravel(), argmax.ravel(), strict=True):
        dx[place] += value
    return dx.reshape(x_shape)


def max_pool2d_gather(x, argmax):
    flat = [x.ravel()[place] for place in argmax.ravel()]
    return np.array(flat, x.dtype).reshape(argmax.shape)


def numbers_under(x_shape, outputs, size, count_include_pad, geometry):
    if count_include_pad:
        return np.full(outputs, size[0] * size[1])
    counts = np.zeros(outputs, int)
    for _, p, q, *_ in contacts((1, *x_shape[1:]), size, outputs, **geometry):
        counts[p, q] += 1
    return counts


def avg_pool2d(x, *, size, count_include_pad, **geometry):
    outputs = count_outputs(x.shape, size, **geometry)
    counts = numbers_under(x.shape, outputs, size, count_include_pad, geometry)
    y = np.zeros((len(x), *outputs, x.shape[3]))
    for n, p, q, _, _, row, column in contacts(x.shape, size, outputs, **geometry):
        y[n, p, q] += x[n, row, column] / counts[p, q]
    return y


def avg_pool2d_grad(dy, *, x_shape, size, count_include_pad, **geometry):
    outputs = dy.shape[1:3]
    counts = numbers_under(x_shape, outputs, size, count_include_pad, geometry)
    dx = np.zeros(x_shape)
    for n, p, q, _, _, row, column in contacts(x_shape, size, outputs, **geometry):
        dx[n, row, column] += dy[n, p, q] / counts[p, q]
    return dx


def batch_norm(x, gamma, beta, *, eps, activation=None):
    if x.size == 0:
        return x.copy(), np.zeros(gamma.shape), np.zeros(gamma.shape)
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    return (
        batch_norm_inference(x, gamma, beta, mean, var, eps=eps, activation=activation),
        mean,
        var,
    )


def batch_norm_grad(dy, x, gamma, beta, mean, var, *, eps, activation=None):
    """dx through the whole matrix d xhat[m] / d x[l], one channel at a time."""
    M = x.size // x.shape[-1]
    y = batch_norm_inference(x, gamma, beta, mean, var, eps=eps, activation=activation)
    dy = dy * slope(y, activation)
    rows, dy_rows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1])
    dx = np.zeros(rows.shape)
    dgamma, dbeta = np.zeros(gamma.shape), np.zeros(gamma.shape)
    for c in range(x.shape[-1]):
        deviation = np.sqrt(var[c] + eps)
        xhat = (rows[:, c] - mean[c]) / deviation
        if M:
            jacobian = (np.eye(M) - 1 / M - np.outer(xhat, xhat) / M) / deviation
            dx[:, c] = gamma[c] * dy_rows[:, c] @ jacobian
        dgamma[c], dbeta[c] = dy_rows[:, c] @ xhat, dy_rows[:, c].sum()
    return dx.reshape(x.shape), dgamma, dbeta


def batch_norm_inference(x, gamma, beta, mean, var, *, eps, activation=None):
    return activated(gamma * (x - mean) / np.sqrt(var + eps), beta, activation)


def running_statistics(running, value, *, momentum):
    running[...] = (1 - momentum) * running + momentum * value
    return running


def softmax(x):
    """y[k] = 1 / sum over j of exp(x[j] - x[k]): where that overflows, y is 0."""
    return 1 / np.exp(x[..., None, :] - np.maximum(x, -1e300)[..., None]).sum(-1)


def softmax_grad(dy, y):
    """Through the whole matrix d y[j] / d x[k] = y[j] ([j = k] - y[k])."""
    jacobian = y[..., None] * (np.eye(y.shape[-1]) - y[..., None, :])
    return np.einsum("...j,...jk->...k", dy, jacobian)


def log_softmax(x):
    return x - np.logaddexp.reduce(x, axis=-1, keepdims=True)


def log_softmax_grad(dy, y):
    """Through the whole matrix d y[j] / d x[k] = [j = k] - exp(y[k])."""
    jacobian = np.eye(y.shape[-1]) - np.exp(y)[..., None, :]
    return np.einsum("...j,...jk->...k", dy, jacobian)


def softmax_cross_entropy(logits, targets):
    """log of the sum of exp(z[k] - z[t]), shifted by the target instead of the largest."""
    at_target = np.take_along_axis(logits, targets[..., None], -1)
    return np.asarray(np.logaddexp.reduce(logits - at_target, axis=-1))


def softmax_cross_entropy_grad(dy, logits, targets):
    """softmax[k] = 1 / sum over j of exp(z[j] - z[k]): where that overflows, softmax is 0."""
    odds = np.exp(logits[..., None, :] - np.maximum(logits, -1e300)[..., None])
    probabilities = 1 / odds.sum(-1)
    return dy[..., None] * (probabilities - np.eye(logits.shape[-1])[targets])


def philox(counter, key, rounds):
    """Four Python integers from four and two, by the definition in the paper."""
    x, k = list(counter), list(key)
    for _ in range(rounds):
        high_0, low_0 = divmod(0xD2511F53 * x[0], 2**32)
        high_2, low_2 = divmod(0xCD9E8D57 * x[2], 2**32)
        x = [high_2 ^ x[1] ^ k[0], low_2, high_0 ^ x[3] ^ k[1], low_0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return x


def dropout(x, *, p, seed, offset):
    key = (seed % 2**32, seed // 2**32)
    words = []
    for block in range((x.size + 3) // 4):
        counter = (block % 2**32, block // 2**32, offset % 2**32, offset // 2**32)
        words += philox(counter, key, 7)
    kept = [word >= int(p * 2**32) for word in words[: x.size]]
    flat = [value / (1 - p) if keep else 0.0 for value, keep in zip(x.ravel(), kept, strict=True)]
    return np.array(flat, x.dtype).reshape(x.shape)


def sgd_step(
    parameters, gradients, velocities, *, lr, momentum, dampening, nesterov, weight_decay, first
):
    for index, p in enumerate(parameters):
        g = gradients[index] + weight_decay * p if weight_decay else gradients[index]
        if momentum == 0:
            p[...] = p - lr * g
            continue
        v = velocities[index]
        v[...] = g if first else momentum * v + (1 - dampening) * g
        p[...] = p - lr * (g + momentum * v if nesterov else v)


def adam_step(
    parameters, gradients, first, second, *, lr, beta1, beta2, eps, weight_decay, decoupled, step
):
    for p, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
        g = gradient if decoupled or not weight_decay else gradient + weight_decay * p
        shrunk = p * (1 - lr * weight_decay) if decoupled else p
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
        p[...] = shrunk - lr * m_hat / (np.sqrt(v_hat) + eps)


def with_decay(p, gradient, weight_decay):
    return gradient + weight_decay * p if weight_decay else gradient


def adagrad_step(parameters, gradients, sums, *, lr, lr_decay, eps, weight_decay, step):
    for p, gradient, s in zip(parameters, gradients, sums, strict=True):
        g = with_decay(p, gradient, weight_decay)
        s[...] = s + g**2
        p[...] = p - lr / (1 + (step - 1) * lr_decay) * g / (np.sqrt(s) + eps)


def adadelta_step(parameters, gradients, squares, updates, *, lr, rho, eps, weight_decay):
    for p, gradient, v, u in zip(parameters, gradients, squares, updates, strict=True):
        g = with_decay(p, gradient, weight_decay)
        v[...] = rho * v + (1 - rho) * g**2
        d = g * np.sqrt(u + eps) / np.sqrt(v + eps)
        u[...] = rho * u + (1 - rho) * d**2
        p[...] = p - lr * d


def rmsprop_step(
    parameters, gradients, squares, means, velocities,
    *, lr, alpha, eps, weight_decay, momentum, centered,
):  # fmt: skip
    for i, p in enumerate(parameters):
        g = with_decay(p, gradients[i], weight_decay)
        squares[i][...] = alpha * squares[i] + (1 - alpha) * g**2
        variance = squares[i]
        if centered:
            means[i][...] = alpha * means[i] + (1 - alpha) * g
            variance = squares[i] - means[i] ** 2
        d = g / (np.sqrt(variance) + eps)
        if momentum:
            velocities[i][...] = momentum * velocities[i] + d
            d = velocities[i]
        p[...] = p - lr * d


def rprop_step(parameters, gradients, signs, sizes, *, eta_minus, eta_plus, smallest, largest):
    for p, g, s, d in zip(parameters, gradients, signs, sizes, strict=True):
        for place in np.ndindex(*p.shape):
            change = g[place] * s[place]
            if change > 0:
                d[place] *= eta_plus
            elif change < 0:
                d[place] *= eta_minus
            d[place] = min(max(d[place], smallest), largest)
            s[place] = 0 if change < 0 or g[place] == 0 else np.copysign(1, g[place])
            p[place] -= d[place] * s[place]


def second_moments(p, gradient, m, v, lr, beta1, beta2, weight_decay, decoupled):
    g = gradient if decoupled else with_decay(p, gradient, weight_decay)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g**2
    return g, p * (1 - lr * weight_decay) if decoupled else p


def amsgrad_step(
    parameters, gradients, first, second, largest,
    *, lr, beta1, beta2, eps, weight_decay, decoupled, step,
):  # fmt: skip
    lists = zip(parameters, gradients, first, second, largest, strict=True)
    for p, gradient, m, v, u in lists:
        _, shrunk = second_moments(p, gradient, m, v, lr, beta1, beta2, weight_decay, decoupled)
        u[...] = np.fmax(u, v) + 0 * v
        m_hat, u_hat = m / (1 - beta1**step), u / (1 - beta2**step)
        p[...] = shrunk - lr * m_hat / (np.sqrt(u_hat) + eps)


def nadam_step(
    parameters, gradients, first, second, products,
    *, lr, beta1, beta2, eps, weight_decay, decoupled, momentum_decay, step,
):  # fmt: skip
    mu, after = (beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1))
    lists = zip(parameters, gradients, first, second, products, strict=True)
    for p, gradient, m, v, product in lists:
        g, shrunk = second_moments(p, gradient, m, v, lr, beta1, beta2, weight_decay, decoupled)
        product[...] = product * mu
        ahead = (1 - mu) * g / (1 - product) + after * m / (1 - product * after)
        p[...] = shrunk - lr * ahead / (np.sqrt(v / (1 - beta2**step)) + eps)


def radam_step(
    parameters, gradients, first, second,
    *, lr, beta1, beta2, eps, weight_decay, decoupled, step,
):  # fmt: skip
    longest = 2 / (1 - beta2) - 1
    r = longest - 2 * step * beta2**step / (1 - beta2**step)
    for p, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
        _, shrunk = second_moments(p, gradient, m, v, lr, beta1, beta2, weight_decay, decoupled)
        update = m / (1 - beta1**step)
        if r > 5:
            top, bottom = (r - 4) * (r - 2) * longest, (longest - 4) * (longest - 2) * r
            update = update * np.sqrt(top / bottom)
            update = update * np.sqrt(1 - beta2**step) / (np.sqrt(v) + eps)
        p[...] = shrunk - lr * update


def lars_step(parameters, gradients, velocities, *, lr, momentum, weight_decay, trust):
    for p, g, v in zip(parameters, gradients, velocities, strict=True):
        length, slope = np.sqrt(np.sum(p**2)), np.sqrt(np.sum(g**2))
        local = 1.0
        if length != 0 and slope != 0:
            local = trust * length / (slope + weight_decay * length)
        v[...] = momentum * v + lr * local * (g + weight_decay * p)
        p[...] = p - v


def lamb_step(parameters, gradients, first, second, *, lr, beta1, beta2, eps, weight_decay, step):
    for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1**step) / (np.sqrt(v / (1 - beta2**step)) + eps) + weight_decay * p
        length, stride = np.sqrt(np.sum(p**2)), np.sqrt(np.sum(r**2))
        ratio = length / stride if length != 0 and stride != 0 else 1.0
        p[...] = p - lr * ratio * r


def sum_rows(x):
    y = np.zeros(x.shape[-1])
    for place in np.ndindex(*x.shape):
        y[place[-1]] += x[place]
    return y


def unfold(x, *, size, **geometry):
    outputs = count_outputs(x.shape, size, **geometry)
    y = np.zeros((len(x), *outputs, *size, x.shape[3]))
    for n, p, q, i, j, row, column in contacts(x.shape, size, outputs, **geometry):
        y[n, p, q, i, j] = x[n, row, column]
    return y.reshape(len(x), *outputs, size[0] * size[1] * x.shape[3])


def fold(y, *, x_shape, size, **geometry):
    x = np.zeros(x_shape)
    rows = y.reshape(*y.shape[:3], *size, x_shape[3])
    for n, p, q, i, j, row, column in contacts(x_shape, size, y.shape[1:3], **geometry):
        x[n, row, column] += rows[n, p, q, i, j]
    return x


def group_norm(x, gamma, beta, *, groups, eps):
    """One sample and one group at a time."""
    N, _, C = x.shape
    y, mean, var = np.zeros(x.shape), np.zeros((N, groups)), np.zeros((N, groups))
    for n in range(N):
        for g in range(groups):
            c = slice(g * C // groups, (g + 1) * C // groups)
            part = x[n, :, c]
            mean[n, g], var[n, g] = part.mean(), part.var()
            y[n, :, c] = gamma[c] * (part - mean[n, g]) / np.sqrt(var[n, g] + eps) + beta[c]
    return y, mean, var


def group_norm_grad(dy, x, gamma, mean, var, *, groups, eps):
    """dx through the whole matrix d z[k] / d x[l] of each group."""
    N, _, C = x.shape
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(C), np.zeros(C)
    for n in range(N):
        for g in range(groups):
            c = slice(g * C // groups, (g + 1) * C // groups)
            deviation = np.sqrt(var[n, g] + eps)
            z = (x[n, :, c] - mean[n, g]) / deviation
            flat, M = z.ravel(), z.size
            jacobian = (np.eye(M) - 1 / M - np.outer(flat, flat) / M) / deviation
            dx[n, :, c] = ((dy[n, :, c] * gamma[c]).ravel() @ jacobian).reshape(z.shape)
            dgamma[c] += (dy[n, :, c] * z).sum(0)
            dbeta[c] += dy[n, :, c].sum(0)
    return dx, dgamma, dbeta


def channel_sums(x, before, after):
    C = x.shape[-1]
    windows = [x[..., max(0, c - before) : c + after + 1].sum(-1) for c in range(C)]
    return np.stack(windows, -1) if C else x


def local_response_norm(x, *, before, after, alpha, beta, k):
    return x / (k + alpha * channel_sums(x**2, before, after)) ** beta


def local_response_norm_grad(dy, x, *, before, after, alpha, beta, k):
    """Each d y[c] / d x[j] by itself, j in the window of c."""
    d = k + alpha * channel_sums(x**2, before, after)
    dx = np.zeros(x.shape)
    for c, j in itertools.product(range(x.shape[-1]), repeat=2):
        if c == j:
            dx[..., j] += dy[..., c] * d[..., c] ** -beta
        if c - before <= j <= c + after:
            slope = -beta * d[..., c] ** (-beta - 1) * 2 * alpha * x[..., j]
            dx[..., j] += dy[..., c] * x[..., c] * slope
    return dx


def lstm(ax, h0, c0, w_h):
    """Number by number."""
    (N, T, _), H = ax.shape, h0.shape[1]
    gates, cells, y = np.zeros(ax.shape), np.zeros((N, T + 1, H)), np.zeros((N, T, H))
    cells[:, 0] = c0
    for n, t, j in np.ndindex(N, T, H):
        h = y[n, t - 1] if t else h0[n]
        a = [ax[n, t, k * H + j] + sum(h * w_h[:, k * H + j]) for k in range(4)]
        i, f, g, o = (np.tanh(a[k]) if k == 2 else 1 / (1 + np.exp(-a[k])) for k in range(4))
        gates[n, t, [j, H + j, 2 * H + j, 3 * H + j]] = i, f, g, o
        cells[n, t + 1, j] = f * cells[n, t, j] + i * g
        y[n, t, j] = o * np.tanh(cells[n, t + 1, j])
    return gates, cells, y


def lstm_grad(dy, dc, gates, cells, w_h):
    """The chain rule written out: through h to o and c, through c to i, f, g and the c before."""
    N, T, H = dy.shape
    da, dh, dc = np.zeros(gates.shape), np.zeros((N, H)), np.array(dc)
    for n in range(N):
        for t in reversed(range(T)):
            for j in range(H):
                i, f, g, o = gates[n, t, [j, H + j, 2 * H + j, 3 * H + j]]
                owed = dy[n, t, j] + dh[n, j]
                through = dc[n, j] + owed * o / np.cosh(cells[n, t + 1, j]) ** 2
                slopes = np.array([i - i**2, f - f**2, 1 - g**2, o - o**2])
                shares = [
                    through * g,
                    through * cells[n, t, j],
                    through * i,
                    owed * np.tanh(cells[n, t + 1, j]),
                ]
                da[n, t, [j, H + j, 2 * H + j, 3 * H + j]] = shares * slopes
                dc[n, j] = through * f
            dh[n] = [sum(w_h[j] * da[n, t]) for j in range(H)]
    return da, dh, dc


def embedding(weight, index, *, padding_index):
    """Row by row."""
    y = np.zeros((*index.shape, weight.shape[1]))
    for place in np.ndindex(index.shape):
        if index[place] != padding_index:
            y[place] = weight[index[place]]
    return y


def embedding_grad(dy, index, *, rows, padding_index):
    dw = np.zeros((rows, dy.shape[-1]))
    for place in np.ndindex(index.shape):
        if index[place] != padding_index:
            dw[index[place]] += dy[place]
    return dw
