"""Starts real clusters (control plane, forwarders, agent, nginx-rtmp, ffmpeg) for end-to-end tests."""
