"""Real-time retail analytics: nothing lost, nothing counted twice, exact to the penny."""

__version__ = "0.1.0"
