"""Register compressed models with transformers: after `import obce_core.hf` the Auto classes and `pipeline` load them.

Without this package the same folders open with `trust_remote_code=True`, from the modelling file that lies in them.

>>> import obce_core.hf                                                                # doctest: +SKIP
>>> model = transformers.AutoModel.from_pretrained("my-model")                         # doctest: +SKIP
"""

from __future__ import annotations

import transformers

from obce_core.architectures import modeling_obce
from obce_core.architectures.modeling_obce import AUTO_CLASSES, ObceBertConfig


def register() -> None:
    """Register config, model classes and tokenizer with transformers; repeated calls are harmless."""
    transformers.AutoConfig.register(ObceBertConfig.model_type, ObceBertConfig, exist_ok=True)
    transformers.AutoTokenizer.register(ObceBertConfig, fast_tokenizer_class=transformers.BertTokenizer, exist_ok=True)
    for auto, name in AUTO_CLASSES.items():
        getattr(transformers, auto).register(ObceBertConfig, getattr(modeling_obce, name), exist_ok=True)


register()
