"""The published files, each known by its name, size and checksum, and who serves them.

Tables only; nothing is read here. Next: `files.py`, which finds the files on this machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A published file, known by its checksum.

    Attributes:
        folder: the folder it lies in, below `TGC_DATA` and below the cache.
        name: its published name.
        size: bytes.
        sha256: of the file as published.
        unpacked_size: bytes without gzip; 0 if it is not compressed.
        unpacked_sha256: of the unpacked file.
    """

    folder: str
    name: str
    size: int
    sha256: str
    unpacked_size: int = 0
    unpacked_sha256: str = ""

    def fault(self, content: bytes, *, unpacked: bool = False) -> str:
        """What is wrong with `content`, in words; empty if it is this file."""
        size, digest = self.size, self.sha256
        if unpacked:
            size, digest = self.unpacked_size, self.unpacked_sha256
        if len(content) != size:
            return f"expected {size:,} bytes, got {len(content):,}"
        got = hashlib.sha256(content).hexdigest()
        return "" if got == digest else f"expected SHA-256 {digest}, got {got}"


EMBEDDED = {
    "digits": File(
        "embedded",
        "digits-8x8.npz",
        45_374,
        "6f801551877abf69fbf3711373bb642a18dc933430a3385cd6febc235225ea6f",
    ),
    "mnist-12k": File(
        "embedded",
        "mnist-12k.npz",
        1_932_805,
        "9b8f80a66d32638e577b1142490de9d2f893e21d4aa3854f387ece050809af30",
    ),
    "iris": File(
        "embedded",
        "iris.npz",
        1_332,
        "fd65d51e5dd5af7d6a89dcb66c7cb0be6ff2ffcabb8ce5c926d172876414ed27",
    ),
    "breast-cancer": File(
        "embedded",
        "breast-cancer.npz",
        72_480,
        "d4c6cde59d68463332f3cdb44427aa00994bf24b4bb6951305d7f4541d94f142",
    ),
}
"""The files that are part of the package."""

CIFAR10_ARCHIVES = {
    "cifar-10-binary.tar.gz": File(
        "cifar-10",
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "cifar-10-python.tar.gz": File(
        "cifar-10",
        "cifar-10-python.tar.gz",
        170_498_071,
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
}
"""The archives of CIFAR-10, the one that is downloaded first."""

DOWNLOADS = {
    "mnist": (
        File(
            "mnist",
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        File(
            "mnist",
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        File(
            "mnist",
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        File(
            "mnist",
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion-mnist": (
        File(
            "fashion-mnist",
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        File(
            "fashion-mnist",
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        File(
            "fashion-mnist",
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        File(
            "fashion-mnist",
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "cifar-10": (CIFAR10_ARCHIVES["cifar-10-binary.tar.gz"],),
}
"""What a download fetches. MNIST and Fashion-MNIST: training images, training labels, test images,
test labels. CIFAR-10: the archive of the binary version (`cifar.py` reads other forms too)."""

MIRRORS = {
    "mnist": (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    "fashion-mnist": (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "cifar-10": ("https://www.cs.toronto.edu/~kriz/",),
}
"""Addresses that serve the published files, tried in order. What they send is checked, not them."""

CIFAR10_BATCHES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
"""SHA-256 of each batch of CIFAR-10 in the binary layout, five for training and the one for
testing: 10,000 records of 3,073 bytes, a label and 3 x 32 x 32 pixels."""

CIFAR10_PACKED = {
    "data_batch_1.bin": "f3b237065cc6c5bc6b48d3ec531058c2cd90d5b621f33536efcfaddb2080b638",
    "data_batch_2.bin": "8006e9e7c6e4728431e061b559e67e4c2316ae408b467d86e5a67e40fb9ff61b",
    "data_batch_3.bin": "f7dbe658f4d7ac7f2fb2cb1453816bdd8e6b6a053528790b9a319da0d424055d",
    "data_batch_4.bin": "23c6f835ccfa2369a5b27ff4b097182b78fe9a82e045c1398484b08e0d0f8ec1",
    "data_batch_5.bin": "0fcee8f52aacebc5f4c965a75ed81477d09e02a017a7ae0aa81ef6be59f1a95e",
    "test_batch.bin": "4b45a6269c2dda601f8a2a7559813b1064db2cea7a537575a97c963a4f4d02a1",
}
"""SHA-256 of the same files packed by xz behind a delta filter, known without unpacking them."""
