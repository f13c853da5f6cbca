"""The network as NumPy sees it: vocabulary, checkpoint, sampler, score. No TensorFlow anywhere in here."""
