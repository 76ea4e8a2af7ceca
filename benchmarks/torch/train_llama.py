"""Trains the 31 M-parameter Llama of benchmarks/train_llama.cpp in PyTorch, and prints one line of JSON.

    python3 benchmarks/torch/train_llama.py STEPS THREADS [FOLDER]

FOLDER holds the first weights (model.safetensors, as train_llama writes them): the losses of the two programs are then
comparable. Written as one would for speed in PyTorch 1.13 on a CPU: whole-batch products, the heads of a key/value head in
one product, AdamW over lists of tensors. It has no torch.compile and no fused attention.
"""
import json
import math
import sys
import time
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn import functional as F

DIM, LAYERS, HEADS, KV_HEADS, HEAD_DIM, HIDDEN, VOCAB = 512, 8, 8, 2, 64, 1408, 8192
BATCH, TIME = 8, 256


class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(DIM))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, cosine, sine):
    """x [batch, heads, time, head_dim]: turns the pairs (x[c], x[c + head_dim / 2])."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine), dim=-1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = nn.Linear(DIM, HEADS * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(DIM, KV_HEADS * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(DIM, KV_HEADS * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(HEADS * HEAD_DIM, DIM, bias=False)

    def forward(self, x, cosine, sine, mask):
        group = HEADS // KV_HEADS
        heads = lambda y, n: y.view(BATCH, TIME, n, HEAD_DIM).transpose(1, 2)
        q = rotate(heads(self.q_proj(x), HEADS), cosine, sine).reshape(BATCH, KV_HEADS, group * TIME, HEAD_DIM)
        k = rotate(heads(self.k_proj(x), KV_HEADS), cosine, sine)
        v = heads(self.v_proj(x), KV_HEADS)
        scores = (q * HEAD_DIM**-0.5) @ k.transpose(-1, -2)
        weights = (scores.view(BATCH, KV_HEADS, group, TIME, TIME) + mask).softmax(-1)
        y = weights.view(BATCH, KV_HEADS, group * TIME, TIME) @ v
        y = y.view(BATCH, HEADS, TIME, HEAD_DIM).transpose(1, 2).reshape(BATCH, TIME, HEADS * HEAD_DIM)
        return self.o_proj(y)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(DIM, HIDDEN, bias=False)
        self.up_proj = nn.Linear(DIM, HIDDEN, bias=False)
        self.down_proj = nn.Linear(HIDDEN, DIM, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(), RmsNorm()
        self.self_attn, self.mlp = Attention(), FeedForward()

    def forward(self, x, *positions):
        x = x + self.self_attn(self.input_layernorm(x), *positions)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Modules bear the names of Hugging Face's tensors."""

    def __init__(self):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCAB, DIM)
        self.model.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.model.norm = RmsNorm()
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)
        angles = torch.outer(torch.arange(TIME), 1e4 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM))
        self.positions = angles.cos(), angles.sin(), torch.full((TIME, TIME), -math.inf).triu(1)

    def forward(self, tokens):
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, *self.positions)
        return self.lm_head(self.model.norm(x))


def read_weights(path):
    """The F32 tensors of a safetensors file."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).copy())
    return tensors


def batch(step):
    """The numbers of train_llama.cpp."""
    i = numpy.arange(BATCH * TIME, dtype=numpy.uint64) + numpy.uint64(step * BATCH * TIME)
    return torch.from_numpy(((i * 7919 + i // 3 * 31 + 13) % VOCAB).astype(numpy.int64)).view(BATCH, TIME)


def main():
    steps, threads = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = Llama()
    if len(sys.argv) > 3:
        model.load_state_dict(read_weights(Path(sys.argv[3]) / "model.safetensors"))
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.95), eps=1e-8, foreach=True)

    seconds, processor_seconds, losses = [], [], []
    for step in range(steps):
        tokens = batch(step)
        start, processor_start = time.perf_counter(), time.process_time()
        logits = model(tokens)
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        processor_seconds.append(time.process_time() - processor_start)
    print(json.dumps({
        "program": f"PyTorch {torch.__version__}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": BATCH * TIME,
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "losses": losses,
    }))


if __name__ == "__main__":
    main()
