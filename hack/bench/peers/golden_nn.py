"""Golden values of runtime/nn: small networks of torchvision, timm and transformers in float64.

    python hack/bench/peers/golden_nn.py runtime/nn/testdata

Weights of parameter k are wave(k+1), scales of normalisations 1 + wave(k+1), and inputs are `wave` too, so that only
results are stored: one safetensors file per network with the loss, the
outputs, and the gradient of every parameter under its name, in the order of the state_dict (metadata "params").
"""

import json
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)


def wave(n, phase, scale):
    """scale * sin(0.37 i + phase) for i < n."""
    return scale * torch.sin(0.37 * torch.arange(n, dtype=torch.float64) + phase)


def resnet():
    """ResNet-18 with the CIFAR stem and 4 channels, training mode, 3 images of 3x8x8."""
    from torchvision.models.resnet import BasicBlock
    from torch import nn

    width = 4
    m = nn.Module()
    m.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
    m.bn1 = nn.BatchNorm2d(width)
    inplanes = width
    for stage in range(4):
        planes, blocks = width << stage, []
        for b in range(2):
            stride = 2 if stage and not b else 1
            down = None
            if stride != 1 or inplanes != planes:
                down = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
            blocks.append(BasicBlock(inplanes, planes, stride, down))
            inplanes = planes
        setattr(m, f"layer{stage + 1}", nn.Sequential(*blocks))
    m.fc = nn.Linear(inplanes, 5)

    def forward(x):
        x = F.relu(m.bn1(m.conv1(x)))
        for stage in range(4):
            x = getattr(m, f"layer{stage + 1}")(x)
        return m.fc(x.mean((2, 3)))

    return m, forward, wave(3 * 3 * 64, 0.5, 1.0).reshape(3, 3, 8, 8), "images"


def vit():
    """timm's VisionTransformer on 3 images of 3x8x8, patches of 4."""
    from timm.models.vision_transformer import VisionTransformer

    m = VisionTransformer(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2, num_classes=5).double()
    return m, m.forward, wave(3 * 3 * 64, 0.5, 1.0).reshape(3, 3, 8, 8), "images"


def gpt():
    """GPT-2 with 2 layers on 2 sequences of 6 tokens; projections are transposed to [out, in]."""
    from transformers import GPT2Config, GPT2LMHeadModel

    c = GPT2Config(vocab_size=11, n_positions=8, n_embd=12, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, attn_implementation="eager")
    m = GPT2LMHeadModel(c).double()
    return m, lambda x: m(x).logits, (torch.arange(12) * 5 % 11).reshape(2, 6), "tokens"


def bert():
    """BERT with 2 layers, no pooler, on 2 sequences of 6 tokens; the last two tokens of the second are padding."""
    from transformers import BertConfig, BertModel

    c = BertConfig(vocab_size=11, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, max_position_embeddings=8,
                   pad_token_id=None, hidden_dropout_prob=0, attention_probs_dropout_prob=0, attn_implementation="eager")
    m = BertModel(c, add_pooling_layer=False).double()
    mask = torch.ones(2, 6)
    mask[1, 4:] = 0
    kinds = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    return m, lambda x: m(input_ids=x, attention_mask=mask, token_type_ids=kinds).last_hidden_state, (torch.arange(12) * 5 % 11).reshape(2, 6), "tokens"


def main(folder):
    for make in (resnet, vit, gpt, bert):
        m, forward, x, kind = make()
        m.train()
        named = [(n, p) for n, p in m.named_parameters()]
        conv1d = {n for n, p in named if make is gpt and p.dim() == 2 and (".attn." in n or ".mlp." in n)}
        with torch.no_grad():
            for k, (n, p) in enumerate(named):
                norm = p.dim() == 1 and n.endswith("weight")
                v = wave(p.numel(), k + 1, 0.3) + (1 if norm else 0)
                p.copy_(v.reshape(p.shape[::-1]).T if n in conv1d else v.reshape(p.shape))
        y = forward(x)
        if kind == "images":
            loss = F.cross_entropy(y, torch.tensor([1, 4, 0]))
        else:
            loss = (y * wave(y.numel(), 0.25, 1.0).reshape(y.shape)).sum()
        loss.backward()
        out = {"loss": loss.detach().reshape(1), "output": y.detach().contiguous()}
        layout = []
        for n, p in named:
            g = p.grad.T if n in conv1d else p.grad
            layout.append([n, list(g.shape)])
            out["grad/" + n] = g.contiguous()
        for n, b in m.named_buffers():
            if n.endswith(("running_mean", "running_var")):
                out["state/" + n] = b.detach().contiguous()
        save_file(out, f"{folder}/{make.__name__}.safetensors", {"params": json.dumps(layout), "torch": torch.__version__, "made by": "hack/bench/peers/golden_nn.py"})
        print(make.__name__, sum(p.numel() for _, p in named), "parameters, loss", loss.item())


if __name__ == "__main__":
    main(sys.argv[1])
